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
