## The checklist and the audit report

line-conforming = conforming
line-partly = partly conforming
line-nonconforming = nonconforming
line-not-applicable = not applicable

basis-measured = measured
basis-attested = attested
basis-none = neither measured nor attested

report-title = Personal-data security audit report
report-checklist-title = Section 12 self-audit checklist
report-period = Period
report-days = { $first } to { $last }
report-as-of = State as of
report-generated = Made at
report-plan = Plan
report-plan-none = no plan has been published
report-plan-version = version { $version }
report-summary = Summary
report-items = Items
report-lines = requirement lines
report-particulars = How the company audits
report-item = Item { $number }
report-column-requirement = Requirement
report-column-clause = Clause
report-column-status = Status
report-column-basis = Basis
report-column-hosts = Hosts
report-column-host = Host
report-column-role = Role
report-column-system = System
report-column-heard = Last heard
report-column-state = State
report-column-check = Check
report-column-subject = Subject
report-column-severity = Risk
report-column-summary = What was found
report-column-remedy = How to mend
report-column-observed = Observed
report-column-worst = Worst
report-column-findings = Findings
report-not-measured = not yet measured
report-check-not-measured = { $check }: not yet measured
report-needs-attestation = needs an attestation: { $kind }
report-no-attestation = no attestation on record ({ $kind })
report-hosts = Hosts
report-hosts-none = No host has reported.
report-hosts-by-worst = There are more than { $few } hosts: each is one row with its findings by status, those that need most attention first. They were read one after another while this report was made; what a host reported meanwhile may show in one place and not yet in another.
report-hosts-cut = { $shown } of { $total } hosts are listed here; { $left } that need less attention are left out. This report as JSON has all of them.
report-attention = What needs attention
report-attention-none = No finding fails and every check could look.
report-attention-cut = The worst { $shown } of { $total } findings are listed here. { $rest }
report-attention-rest-annex = The others are in the annex, under each host, and in this report as JSON.
report-attention-rest-json = The others are in this report as JSON.
report-annex = Annex: findings by host
report-annex-none = This host has sent no findings.
report-annex-elsewhere = The findings of { $total } hosts are too many for a page. All of them are in this report as JSON ({ $json }, or the command { $command }), those of one host under { $host }, and those of one check or one status under { $findings }.
report-findings-count = { $status } { $count }
report-legend = Measured lines rest on what the agents read on each host; a line that is neither measured nor attested is nonconforming. Data older than its interval is stale and never counts as passing.
report-reason = Reason: { $reason }

csv-item = item
csv-item-title = item_title
csv-line = line
csv-clause = clause
csv-requirement = requirement
csv-status = status
csv-basis = basis
csv-checks = checks
csv-not-measured = not_yet_measured
csv-attestation = attestation
csv-reason = reason
csv-pass = hosts_pass
csv-fail = hosts_fail
csv-stale = hosts_stale
csv-error = hosts_error
csv-waived = hosts_waived
csv-not-applicable = hosts_not_applicable

checklist-every = every { $interval }
checklist-heading-clause = clause
checklist-heading-requirement = requirement
checklist-heading-status = status
checklist-heading-basis = basis
checklist-awaiting = { $count ->
        [one] 1 line awaits an attestation
       *[other] { $count } lines await an attestation
    }
hosts-pass = { $count } pass
hosts-fail = { $count } fail
hosts-stale = { $count } stale
hosts-error = { $count } could not look
hosts-waived = { $count } waived
hosts-manual = { $count } need attestation
hosts-not-applicable = { $count } not applicable
