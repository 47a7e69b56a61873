## Said by every part of the house

fact-denied = Could not look at { $what }: permission refused; needs { $needs }.
fact-failed = Could not look at { $what }: { $why }.
fact-not-asked = { $what } was not looked at in this run.
fact-absent = { $what } is not present on this host.
plan-not-applicable = Declared not applicable in the plan: { $reason }

status-pass = pass
status-fail = fail
status-not-applicable = not applicable
status-error = could not look
status-manual = needs attestation
status-stale = stale
status-waived = waived

severity-low = low
severity-medium = medium
severity-high = high
severity-critical = critical

role-service = systems run for customers
role-office = office (OA) equipment

check-findings-cut = { $count ->
        [one] One further finding was left out: there are too many to report.
       *[other] { $count } further findings were left out: there are too many to report.
    }
check-said-nothing = The check found nothing to judge and did not say why.

interval-seconds = { $count ->
        [one] { $count } second
       *[other] { $count } seconds
    }
interval-minutes = { $count ->
        [one] { $count } minute
       *[other] { $count } minutes
    }
interval-hours = { $count ->
        [one] { $count } hour
       *[other] { $count } hours
    }
interval-days = { $count ->
        [one] { $count } day
       *[other] { $count } days
    }
interval-weeks = { $count ->
        [one] { $count } week
       *[other] { $count } weeks
    }
interval-months = { $count ->
        [one] { $count } month
       *[other] { $count } months
    }
interval-years = { $count ->
        [one] { $count } year
       *[other] { $count } years
    }
