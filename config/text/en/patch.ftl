## patch.security-updates

patch-nothing-pending = No security update is pending for the { $installed } installed packages, by lists published on { $date }.
patch-pending-in-time = { $count ->
        [one] A security update of one source package is pending, within the declared time of { $within }.
       *[other] Security updates of { $count } source packages are pending, all within the declared time of { $within }.
    }
patch-pending-overdue = { $count ->
        [one] A security update of one source package has been pending for longer than the declared { $within }.
       *[other] Security updates of { $count } source packages have been pending for longer than the declared { $within }.
    }
patch-pending-since-unknown = { $count ->
        [one] A security update of one source package is pending, since when is not known: it was already so at the first look.
       *[other] Security updates of { $count } source packages are pending, since when is not known: they already were at the first look.
    }
patch-package-overdue = The security update of { $package } to { $version } has been pending for { $days } days.
patch-lists-none = There are no package lists, so pending updates can't be known; run apt update.
patch-lists-no-security-archive = No security archive is among the package sources, so pending security updates can't be known.
patch-lists-not-fetched = The lists of the security archive { $archive } were never fetched; run apt update.
patch-lists-damaged = { $list } of the security archive { $archive } could not be read: { $why }.
patch-lists-undated = The security archive { $archive } does not say when it was published, so the age of its lists is unknown.
patch-lists-ahead = The security archive { $archive } was published ahead of this host's clock, so the age of its lists is unknown; set the clock.
patch-lists-old = The lists of the security archive { $archive } are { $days } days old; the plan allows { $limit }.
patch-status-broken = { $count ->
        [one] One entry of dpkg's status file can't be understood, so that package could not be judged.
       *[other] { $count } entries of dpkg's status file can't be understood, so those packages could not be judged.
    }

## inspect packages

heading-package = package
heading-architecture = architecture
heading-installed = installed
heading-candidate = candidate
heading-security = security
inspect-packages-summary = { $manager }: { $installed } packages installed, { $upgradable } upgradable, { $security } lacking a security update; lists of { $date }.
inspect-packages-list-failed = { $list } of { $archive } could not be read: { $why }.
inspect-packages-unevaluated = Not evaluated: { $what }.
inspect-packages-reboot = The system waits for a restart.
