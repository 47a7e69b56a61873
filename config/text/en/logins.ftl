## logins.abnormal

logins-nothing-abnormal = { $count ->
        [0] No attempt to log in since { $since }, so none that is abnormal; read: { $sources }.
        [one] Nothing abnormal in the one attempt to log in since { $since }; read: { $sources }.
       *[other] Nothing abnormal among the { $count } attempts to log in since { $since }; read: { $sources }.
    }
logins-brute-force = Brute force: { $count } failed logins from { $source } between { $first } and { $last }.
logins-brute-force-distributed = Distributed brute force: { $count } failed logins as { $user } from { $sources } sources between { $first } and { $last }.
logins-brute-force-distributed-unknown = Distributed brute force: { $count } failed logins as an account that does not exist, from { $sources } sources between { $first } and { $last }.
logins-password-spraying = Password spraying: { $users } accounts tried from { $source } between { $first } and { $last }.
logins-success-after-failures = { $source } logged in by a secret at { $last }, after { $count } failed logins from there since { $first }.
logins-root-login = { $sources ->
        [one] root logged in over the network from { $source } in a way that the plan rules out, last at { $last }.
       *[other] root logged in over the network from { $sources } sources in a way that the plan rules out, last at { $last }.
    }
logins-first-seen-source = { $user } logged in from { $source }, a network that the account never came from before, at { $last }.
logins-first-seen-user = { $user } logged in at { $last }, which no one has seen that account do before.
logins-off-hours = { $user } logged in at { $last }, outside working hours and the account's own habit.
logins-dormant-account = { $user } logged in at { $last }, after the account had been dormant.
logins-impossible-pace = { $user } logged in from { $source } at { $last }, too soon after a login from another network.
logins-new-privileged-account = { $user } was given privileges ({ $what }), last at { $last }.
logins-privilege-escalation = { $user } failed { $count } times at su or sudo between { $first } and { $last }.
logins-privileges-refused = { $user } asked for privileges that the rules do not give ({ $what }), last at { $last }.
logins-others = { $count ->
        [one] One further source or account shows abnormal logins.
       *[other] { $count } further sources or accounts show abnormal logins.
    }
logins-partly-unread = Records of logins were not read, or not wholly: { $sources }.
logins-evicted = { $count ->
        [one] One attempt of the last days was dropped, since there are too many to keep.
       *[other] { $count } attempts of the last days were dropped, since there are too many to keep.
    }
logins-drill-announced = A drill is on: synthetic failed logins are written until { $until } and are to be found.
logins-drill-detected = Drill: { $count } synthetic failed logins since { $first } were found as any others would be.
logins-drill-missed = Drill: the synthetic failed logins were not found by { $until }; { $count } of them were read. Real ones would have been missed, too.

## logins.monitoring

logins-monitoring-active = Abnormal logins are watched for by: { $monitors }.
logins-monitoring-none = Nothing that runs on the host watches for abnormal logins.
logins-monitoring-dead = { $monitor } is installed and does not run.
logins-monitoring-watches-nothing = { $monitor } runs, but is not set to watch logins.
logins-monitoring-log-stopped = { $log } has not been written to since { $since }, so no one who reads it sees logins any more.
logins-monitoring-journal-stopped = The journal is all that tells of logins here, and systemd-journald does not run, so nothing is written to it.
logins-monitoring-unwatched = This agent reads { $files } and would not notice within seconds that something is written there: its watch is dead.

## inspect logins

inspect-logins-summary = { $lines } lines read, { $unparsed } not understood; { $attempts } attempts to log in, { $anomalies } abnormal patterns.
heading-kind = Kind
heading-user = User
heading-sources = Sources
heading-first = First
heading-last = Last
heading-count = Count
heading-time = Time
heading-service = Service
heading-source = Source
heading-outcome = Outcome
heading-method = Method
heading-line = Line
