## 計畫與人工佐證

attestation-audit = 檢查或稽核
attestation-backup = 備份或還原測試
attestation-budget = 預算
attestation-contract = 契約或協議
attestation-corrective-action = 矯正預防措施
attestation-drill = 演練
attestation-inventory = 個資盤點
attestation-malware-scan = 惡意程式檢測
attestation-monitoring = 監控
attestation-organisation = 人員配置
attestation-plan-revision = 計畫檢視及修正
attestation-policy = 政策
attestation-procedure = 程序文件
attestation-records = 紀錄保存
attestation-review = 定期檢視
attestation-risk-assessment = 風險評估
attestation-source-code-scan = 源碼掃描
attestation-supervision = 委外監督
attestation-training = 教育訓練
attestation-vulnerability-scan = 弱點掃描或滲透測試

plan-blank = { $clause }：`{ $key }` 尚未填寫。
plan-longer = { $clause }：`{ $key }` 為 { $given }，長於範本所載常見之最長期間 { $usual }。
plan-weaker = { $clause }：`{ $key }` 為 { $given }，低於範本所載常見值 { $usual }。
plan-no-exemption = { $clause }：`{ $key }` 申報為不適用，惟範本就此項並無免填之規定，稽核時將被要求說明。
plan-sound-with-warnings = { $file } 內容正確（版本 { $version }），惟尚有上列 { $count } 項待補。
