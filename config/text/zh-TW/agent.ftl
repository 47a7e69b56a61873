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
