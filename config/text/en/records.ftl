## What people say: attestations, waivers and corrective actions

action-fallen = { $line } { $title }: { $before } → { $now }
