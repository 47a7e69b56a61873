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
agent-status-spool = 暫存佇列
agent-status-spool-is = 待送 { $reports } 份（{ $bytes } 位元組），捨棄 { $dropped } 份，遭拒 { $refused } 份
agent-status-certificate = 憑證到期
agent-status-certificate-error = 憑證更新的問題
agent-status-watch-error = 監看檔案的問題
agent-status-run-error = 執行檢查的問題
agent-status-findings = 檢查結果
agent-status-last-run = 上次執行
agent-status-next-run = 下次執行
