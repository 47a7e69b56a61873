## What people say: attestations, waivers and corrective actions

action-fallen = { $line } { $title }: { $before } → { $now }

attestation-kept = Attestation { $id } is on record.
attestation-withdrawn = Attestation { $id } is taken back.
attestation-state-stands = stands
attestation-state-withdrawn = taken back: { $reason }
attestation-state-corrected = replaced by { $id }

due-overdue = overdue
due-never = never attested
due-soon = due soon
due-in-force = in force

waiver-requested = asked for
waiver-upcoming = approved, not begun
waiver-in-force = in force
waiver-rejected = refused
waiver-ended = ended early
waiver-expired = expired
waiver-now-requested = Waiver { $id } is asked for; another administrator decides on it.
waiver-now-approved = Waiver { $id } is approved.
waiver-now-rejected = Waiver { $id } is refused.
waiver-now-ended = Waiver { $id } is ended.

action-now-open = Corrective action { $id } is open.
action-step-taken = The step is on record; corrective action { $id } is open still.
action-now-closed = Corrective action { $id } is closed.
action-stands = Corrective action { $id } on line { $line }: { $stage }
action-stage-open = cause to be found
action-stage-cause-known = measure to be taken
action-stage-measure-taken = result to be seen
action-stage-result-known = to be reviewed
action-stage-closed = closed
action-step-open = opened
action-step-assign = assigned
action-step-cause = cause
action-step-measure = measure
action-step-result = result
action-step-review = review
action-assigned = { $owner }, until { $due_on }
action-was-effective = It helped. { $text }
action-was-not-effective = It did not help. { $text }

records-heading-id = id
records-heading-line = line
records-heading-effective = effective on
records-heading-performed = done by
records-heading-statement = statement
records-heading-by = recorded by
records-heading-state = state
records-heading-kind = kind
records-heading-due = due
records-heading-attestation = latest attestation
records-heading-check = check
records-heading-hosts = hosts
records-heading-from = from
records-heading-until = until
records-heading-decided = decided by
records-heading-stage = stage
records-heading-owner = owner
records-heading-seen = what was seen
records-heading-step = step
records-heading-said = what was said

line-attested = attested as of { $effective_on } by { $by }; next due { $due_at }
line-attested-over = attested as of { $effective_on } by { $by }; overdue since { $due_at }
line-action = corrective action { $id }: { $stage }
line-waived = waiver { $ids }

report-attested = Attested: effective on { $effective_on }, done by { $performed_by }, recorded by { $given_by } ({ $id }): { $statement }
report-attested-until = It counts until { $due_at }, when the next one is due.
report-attested-over = It has not counted since { $due_at }; the next one is overdue.
report-evidence = Evidence: { $name } ({ $size } bytes), SHA-256 { $sha256 }
report-line-action = Corrective action { $id }: { $stage }
report-line-action-assigned = Corrective action { $id }: { $stage }; { $owner } sees to it until { $due_on }
report-line-waivers = Waived in part: { $ids }
report-column-people = On record
report-waivers = Waivers
report-waivers-none = No waiver was in force in this period.
report-waiver-check = What is accepted
report-waiver-reason = Why, and what is done instead
report-waiver-compensating = Instead: { $text }
report-waiver-time = From – until
report-waiver-days = { $from } – { $until }
report-waiver-by = Asked for and approved by
report-waiver-said = { $who }: { $note }
report-waiver-ended = Ended { $at } by { $who }: { $note }
report-actions = Corrective actions
report-actions-none = No corrective action was open in this period.
report-action-line = Line
report-action-stage = Stage
report-action-owner = Owner, until
report-action-steps = Steps
report-action-step = { $at } { $step } ({ $who }): { $said }
report-past-hosts = This period is over. What single hosts showed at its end is kept in numbers, as they stand on the lines above; single hosts and their findings are therefore not listed.

front-due = Attestations due soon or overdue
front-due-none = No attestation is due within 30 days.
front-due-cut = The first { $shown } of { $total } are listed here.
front-due-at = Due
front-due-kind = Kind
front-actions = { $count ->
        [0] No corrective action is open.
        [one] 1 corrective action is open.
       *[other] { $count } corrective actions are open.
    }

csv-attestation-id = attestation_id
csv-effective-on = attestation_effective_on
csv-due-at = attestation_due_at
csv-waivers = waivers
csv-action = corrective_action

## Evidence of drills

drill-performed-by = { $host } (plumbline-agent drill logins)
drill-statement = Drill { $drill } on { $host }: { $count } synthetic failed logins were found, and the collector knew { $seconds } s after it was told of the drill.
drill-scenario = A burst of failed logins over SSH, written as labelled lines to the system log of { $host } after the collector was told.
drill-outcome = { $count } attempts were found as any others would be; { $seconds } s from the announcement to the finding, by the collector's clock. They count as no attack.
