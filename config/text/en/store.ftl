## The store: counts, copies and restores

store-current = The store is at this program's schema.
store-recounted = Counted { $hosts } hosts anew. Totals that were wrong and are right now: { $corrected }.
store-copied = Copied { $rows } rows to { $store }; the ledger has { $leaves } leaves, root { $root }. Set `store` in the settings to it, and start the collector.
store-saved = Wrote { $file }. The keys are not in it: keep a copy of ca/ and ledger.key in the data directory apart from it, they open everything.
store-restored = Put back as { $file }. Start the collector; agents send again what it does not hold.
