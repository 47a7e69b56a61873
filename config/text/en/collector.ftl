## Command line of the collector

collector-made = The collector is made in { $data_dir }.
    CA fingerprint (SHA-256), for `plumbline-agent enroll --ca-sha256`: { $ca_sha256 }
    CA certificate, for browsers and Prometheus: { $ca_certificate }
    Plan, until you publish your own: { $plan_version }
    Administrator's API token, shown this once, until { $expires_at }: { $admin_token }
collector-token-made = Enrolment token, shown this once: { $token }
    It enrols { $uses } host(s) as { $role }, until { $expires_at }.
collector-api-token-made = API token, shown this once: { $token }
    Its role is { $role }, it opens { $scopes } until { $expires_at }; `apitoken revoke { $id }` ends it earlier.
collector-revoked = { $what } is revoked.
collector-plan-published = Version { $version } is published; agents fetch it with their next report.
collector-plan-unchanged = Version { $version } was the current plan already.

collector-state-fresh = fresh
collector-state-stale = silent
collector-state-revoked = revoked

collector-heading-host = host
collector-heading-name = name
collector-heading-role = role
collector-heading-state = state
collector-heading-os = operating system
collector-heading-heard = last heard from
collector-heading-age = received
collector-heading-token = token
collector-heading-used = used
collector-heading-ends = ends
collector-heading-note = for
collector-heading-revoked = revoked

collector-days-ago = { $count ->
        [one] { $count } day ago
       *[other] { $count } days ago
    }
collector-hours-ago = { $count ->
        [one] { $count } hour ago
       *[other] { $count } hours ago
    }
collector-minutes-ago = { $count ->
        [one] { $count } minute ago
       *[other] { $count } minutes ago
    }
collector-seconds-ago = { $count ->
        [one] { $count } second ago
       *[other] { $count } seconds ago
    }
