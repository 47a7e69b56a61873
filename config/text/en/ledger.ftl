## The ledger and its verification

ledger-stands = Everything stands. Looked at: { $what }.
ledger-faults = Faults: { $faults }. Looked at: { $what }.
ledger-evidence = Files of evidence that are what they were: { $count }
ledger-evidence-outside = Files in the evidence store that no record names: { $count }
ledger-looked-at = leaves: { $leaves }, checkpoints: { $checkpoints }, reports: { $reports }, bodies: { $bodies }, acts: { $acts }, records: { $records }
ledger-more-faults = Faults named here: the first { $shown }.
ledger-root = Root of the tree: { $root }
ledger-uncovered = Leaves newer than the newest checkpoint: { $count }. A running collector signs the next one within seconds.

ledger-progress-evidence = Files of evidence: { $done } of { $all }
ledger-progress-leaves = Leaves: { $done } of { $all }
ledger-progress-reports = Reports: { $done }

ledger-heading-anchor = anchor
ledger-heading-leaves = leaves
ledger-heading-anchored-at = anchored at
ledger-heading-failure = last failure
ledger-heading-fault = fault
ledger-heading-report = report
ledger-heading-leaf = leaf
ledger-heading-differs = what differs

ledger-place-report = { $incarnation }/{ $sequence }
ledger-place-act = act { $act }
ledger-place-node = node { $index } of level { $level }
ledger-place-checkpoint = checkpoint { $size }
ledger-place-leaves = one of { $first } to { $last }
ledger-differs = { $what }: { $expected } → { $found }

ledger-fault-act-outside = No leaf stands for the act: it was added, or its leaf taken away
ledger-fault-anchor-ahead = The checkpoint kept elsewhere has more leaves than there are: leaves were taken away
ledger-fault-anchor-root = The checkpoint kept elsewhere has another root than the leaves: the ledger was written anew
ledger-fault-anchor-signature = The checkpoint kept elsewhere is not signed with the collector's key
ledger-fault-body-changed = The body is not the one whose hash is on record
ledger-fault-body-differs = What the body says is not what is on record of it
ledger-fault-body-unreadable = The body can't be read
ledger-fault-chain-broken = `previous` is not the hash of the report before, and no gap is on record
ledger-fault-chain-gap = Reports are missing, and no gap is on record
ledger-fault-checkpoint-ahead = The checkpoint has more leaves than there are: leaves were taken away
ledger-fault-checkpoint-differs = The checkpoint's row is not what was signed
ledger-fault-checkpoint-missing = The checkpoint before this one is not on record
ledger-fault-checkpoint-overdue = Leaves have been without a checkpoint for more than an hour: it was taken away, or the collector was killed before it signed; start it, and it signs
ledger-fault-checkpoint-root = The checkpoint has another root than the leaves: a leaf was changed
ledger-fault-checkpoint-signature = The checkpoint is not signed with the collector's key
ledger-fault-evidence-changed = The file of evidence is not the one on record: it was changed
ledger-fault-evidence-missing = The file of evidence is not there: it was taken away
ledger-fault-evidence-unlocked = The file of evidence is not locked against deletion
ledger-fault-gap-differs = The gap on record is not what the reports around it show
ledger-fault-head-differs = The right edge that is kept is not that of the leaves
ledger-fault-leaf-differs = The leaf is not the hash of what is on record: one of them was changed
ledger-fault-leaf-missing = Leaves are missing
ledger-fault-leaf-order = The later of two reports of a host has the earlier leaf: one of them was moved
ledger-fault-leaf-outside = The leaf is beyond the end of the tree
ledger-fault-node-changed = An inner node is not what the leaves make
ledger-fault-node-missing = An inner node is missing
ledger-fault-node-outside = An inner node is beyond the end of the tree
ledger-fault-record-differs = The record is not the one that its act names: one of them was changed
ledger-fault-record-missing = The record that the act names is not there
ledger-fault-record-outside = No act names the record: it was added, or its act taken away
ledger-fault-report-outside = No leaf stands for the report: it was added, or its leaf taken away
ledger-fault-row-missing = What the leaf stands for is not on record any more
ledger-fault-signature = The host's signature does not match the body and any key on record
