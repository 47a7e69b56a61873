## 各部分共用

fact-denied = 無法檢視 { $what }：權限不足，需要 { $needs }。
fact-failed = 無法檢視 { $what }：{ $why }。
fact-not-asked = 本次執行未檢視 { $what }。
fact-absent = 本機沒有 { $what }。
plan-not-applicable = 計畫申報不適用：{ $reason }

status-pass = 符合
status-fail = 不符合
status-not-applicable = 不適用
status-error = 無法檢視
status-manual = 待人工佐證
status-stale = 資料過期
status-waived = 已豁免

severity-low = 低
severity-medium = 中
severity-high = 高
severity-critical = 重大

role-service = 為客戶提供服務之系統
role-office = 公司 OA 區設備

check-findings-cut = 發現項目過多，另有 { $count } 項未列出。
check-said-nothing = 檢查未找到可判定的對象，且未說明原因。

interval-seconds = { $count } 秒
interval-minutes = { $count } 分鐘
interval-hours = { $count } 小時
interval-days = { $count } 日
interval-weeks = { $count } 週
interval-months = { $count } 個月
interval-years = { $count } 年
