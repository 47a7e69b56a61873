## Command line of the agent

heading-status = status
heading-severity = severity
heading-clause = clause
heading-check = check
heading-subject = subject
heading-summary = summary
heading-title = title
heading-measured = measured
heading-reads = reads
heading-judged = judged against
heading-remedy = how to mend
heading-needs = privileges needed
needs-nothing = none
check-not-measured = not yet measured
plan-sound = { $file } is complete and sound: version { $version }.

agent-enrolled = Enrolled as { $host } with { $collector }. Start the agent with `systemctl enable --now plumbline-agent`; one that runs already takes the new identity after `systemctl reload plumbline-agent`.
agent-bundled = { $findings ->
        [one] Wrote one finding to { $file }.
       *[other] Wrote { $findings } findings to { $file }.
    }
agent-status-what = what
agent-status-value = state
agent-status-never = never
agent-status-none = none
agent-status-host = host
agent-status-collector = collector
agent-status-plan = plan
agent-status-plan-error = trouble with the plan
agent-status-sync = last delivery
agent-status-sync-error = trouble with delivery
agent-status-heartbeat = last heartbeat answered
agent-status-state = state of the host
agent-status-state-is = { $digest }, { $findings ->
        [one] one finding
       *[other] { $findings } findings
    }
agent-status-resync = everything last sent
agent-status-resync-due = everything to be sent again
agent-status-resync-error = trouble with agreeing on the state
agent-resync-enrolled = the enrolment was new
agent-resync-collector-asked = the collector asked
agent-resync-collector-behind = the collector had lost reports
agent-resync-renumbered = the collector's reports were not in line with ours
agent-resync-refused = the collector refused a report
agent-resync-thinned = the spool was full and reports were dropped
agent-resync-started-over = the spool could not be read
agent-resync-checks-changed = this version has other checks
agent-status-spool = spool
agent-status-spool-is = { $reports } waiting ({ $bytes } bytes), { $dropped } dropped, { $refused } refused
agent-status-certificate = certificate ends
agent-status-certificate-error = trouble with renewal
agent-status-watch-error = trouble with watching files
agent-status-run-error = trouble with running checks
agent-status-findings = findings
agent-status-last-run = last run
agent-status-next-run = next run
agent-drill-detected = Drill: { $count } synthetic failed logins were found, and the collector knew { $seconds } s after the first was written.
agent-drill-missed = Drill: { $count } synthetic failed logins were written and not found.
