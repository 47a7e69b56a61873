## 人員之聲明：佐證、豁免及矯正措施

action-fallen = { $line } { $title }：{ $before } → { $now }
