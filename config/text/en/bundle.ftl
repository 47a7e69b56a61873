## Evidence bundles

bundle-fault-inclusion-false = The act from before the bundle's leaves is not in the ledger: it was changed, or added
bundle-fault-manifest-signature = The manifest is not signed with the collector's key: it was changed
bundle-fault-member-added = The manifest does not name the member: it was added
bundle-fault-member-changed = The member is not the one that the manifest names: it was changed
bundle-fault-member-missing = The member is missing
bundle-fault-member-unreadable = The member, or a line of it, can't be read
bundle-fault-plan-differs = The plan is not the one that was published and signed

bundle-of = Evidence bundle of { $company } for { $period }, by the ledger { $origin }
bundle-covers = The bundle holds all that was taken in until { $until }: leaves { $first } to { $last }.
bundle-ends-early = The period ends later, at { $ends }: what was taken in after that is not in the bundle.
bundle-key = Key of the ledger: { $key }
bundle-compare = The key comes from the bundle itself. Compare its fingerprint with the one that the company published: { $fingerprint }
bundle-anchored = Checkpoints kept elsewhere that the ledger continues: { $count }
bundle-anchors-before = Checkpoints kept elsewhere from before the bundle, which it can't be compared with: { $count }. A bundle of their period shows them.
bundle-anchors-after = Checkpoints kept elsewhere from after the bundle, which it can't be compared with: { $count }. A bundle of their period shows them.
bundle-written = Written to { $file }: { $leaves } leaves, { $reports } reports, { $acts } acts; SHA-256 { $sha256 }
bundle-without-report = Without checklist and report: { $why }
bundle-progress = Leaves written: { $done } of { $all }
