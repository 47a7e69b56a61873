## access.monitoring

access-nothing-declared = The plan declares no path of personal data (monitoring.access.paths or encryption.paths), so what is to be recorded here a person must say.
access-nothing-here = None of the declared paths of personal data is on this host.
access-no-audit = The kernel has no audit subsystem, so nobody's reading is recorded.
access-audit-off = The audit subsystem is switched off, so nobody's reading is recorded.
access-no-auditd = No auditd runs, so what the kernel records is not kept.
access-no-log = auditd runs but its log does not exist, so what the kernel records is not kept.
access-records-lost = { $count ->
        [one] One audit record was lost since the system started; { $backlog } may wait at once.
       *[other] { $count } audit records were lost since the system started; { $backlog } may wait at once.
    }
access-audit-runs = The audit subsystem is on, auditd runs, and no record was lost.
access-path-recorded = Whoever reads { $path } is recorded, also after the next start.
access-path-not-kept = Whoever reads { $path } is recorded now, but no longer after the next start: the rules in /etc/audit do not say so.
access-path-not-loaded = A rule in /etc/audit has the reading of { $path } recorded, but it is not loaded.
access-path-excluded = An earlier audit rule keeps some reading of { $path } from being recorded.
access-path-in-part = Of { $path } only what some users or programs read, or a part of it, is recorded.
access-path-unrecorded = Nobody's reading of { $path } is recorded.
access-propose-rule = Add to /etc/audit/rules.d/30-personal-data.rules: { $rule }
access-database-recorded = { $engine } ({ $name }) records who connects and what is read.
access-database-no-connections = { $engine } ({ $name }) records what is read, but not who connects.
access-database-unrecorded = { $engine } ({ $name }) does not record what is read, as far as its settings files say.
access-mend-mariadb = In /etc/mysql/mariadb.conf.d/ set under [mariadbd] plugin_load_add = server_audit, server_audit_logging = ON and server_audit_events = CONNECT,QUERY, and restart the server; what INSTALL SONAME or SET GLOBAL did is seen only when it stands there too.
access-mend-postgresql = Set shared_preload_libraries = 'pgaudit', pgaudit.log = 'read, write, role, ddl' and log_connections = on, and restart the server.

## access.abnormal

access-nothing-abnormal = { $readers ->
        [0] Nobody is on record to have opened the declared paths.
        [one] Nothing abnormal in how the one account opened the declared paths.
       *[other] Nothing abnormal in how { $readers } accounts opened the declared paths.
    }
access-bulk-read = { $user } opened personal data { $count } times within the declared time, far more than is usual for that account, between { $first } and { $last }.
access-off-hours-bulk-read = { $user } opened personal data { $count } times outside working hours, against the account's habit, between { $first } and { $last }.
access-first-seen-reader = { $user } opened personal data at { $first }, which no one has seen that account do before.
access-others = { $count ->
        [one] One further account shows abnormal access.
       *[other] { $count } further accounts show abnormal access.
    }
access-partly-unread = Records of accesses were not read wholly: some were gone before they could be read, or there are more accounts than are kept.
