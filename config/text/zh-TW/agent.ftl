## 代理程式命令列

heading-status = 狀態
heading-severity = 風險
heading-clause = 條款
heading-check = 檢查項目
heading-subject = 對象
heading-summary = 說明
heading-title = 名稱
heading-measured = 量測
heading-reads = 讀取來源
heading-judged = 判定依據
heading-remedy = 改善方式
heading-needs = 所需權限
needs-nothing = 無
check-not-measured = 尚未量測
plan-sound = { $file } 內容完整且正確：版本 { $version }。

agent-enrolled = 已向 { $collector } 完成註冊，主機代號為 { $host }。請以 `systemctl enable --now plumbline-agent` 啟動代理程式；若已在執行，請以 `systemctl reload plumbline-agent` 載入新的身分。
agent-bundled = { $findings ->
       *[other] 已將 { $findings } 項結果寫入 { $file }。
    }
agent-status-what = 項目
agent-status-value = 狀況
agent-status-never = 從未
agent-status-none = 無
agent-status-host = 主機
agent-status-collector = 收集端
agent-status-plan = 計畫
agent-status-plan-error = 計畫的問題
agent-status-sync = 最近一次送達
agent-status-sync-error = 傳送的問題
agent-status-heartbeat = 最近一次獲回應的心跳訊息
agent-status-state = 主機狀態
agent-status-state-is = { $digest }，檢查結果 { $findings } 筆
agent-status-resync = 最近一次完整傳送
agent-status-resync-due = 待重新完整傳送
agent-status-resync-error = 狀態無法一致的問題
agent-resync-enrolled = 新完成註冊
agent-resync-collector-asked = 收集端要求
agent-resync-collector-behind = 收集端遺失了先前的報告
agent-resync-renumbered = 收集端的報告與本機不連續
agent-resync-refused = 收集端拒收了一份報告
agent-resync-thinned = 暫存佇列已滿，捨棄了部分報告
agent-resync-started-over = 暫存檔無法讀取
agent-resync-checks-changed = 此版本的檢查項目有變動
agent-status-spool = 暫存佇列
agent-status-spool-is = 待送 { $reports } 份（{ $bytes } 位元組），捨棄 { $dropped } 份，遭拒 { $refused } 份
agent-status-certificate = 憑證到期
agent-status-certificate-error = 憑證更新的問題
agent-status-watch-error = 監看檔案的問題
agent-status-run-error = 執行檢查的問題
agent-status-findings = 檢查結果
agent-status-last-run = 上次執行
agent-status-next-run = 下次執行
agent-drill-detected = 演練：寫入 { $count } 次合成之失敗登入，首筆寫入後 { $seconds } 秒，收集器已獲知偵測結果。
agent-drill-missed = 演練：寫入 { $count } 次合成之失敗登入，未被偵測。
