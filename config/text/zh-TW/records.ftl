## 人員之聲明：佐證、豁免及矯正措施

action-fallen = { $line } { $title }：{ $before } → { $now }

attestation-kept = 佐證 { $id } 已記錄。
attestation-withdrawn = 佐證 { $id } 已撤回。
attestation-state-stands = 有效
attestation-state-withdrawn = 已撤回：{ $reason }
attestation-state-corrected = 已由 { $id } 更正

due-overdue = 已逾期
due-never = 從未佐證
due-soon = 即將到期
due-in-force = 有效期間內

waiver-requested = 待核定
waiver-upcoming = 已核准，尚未生效
waiver-in-force = 生效中
waiver-rejected = 未核准
waiver-ended = 提前終止
waiver-expired = 已屆期
waiver-now-requested = 豁免 { $id } 已提出申請，須由其他管理者核定。
waiver-now-approved = 豁免 { $id } 已核准。
waiver-now-rejected = 豁免 { $id } 未核准。
waiver-now-ended = 豁免 { $id } 已終止。

action-now-open = 矯正措施 { $id } 已開立。
action-step-taken = 已記錄；矯正措施 { $id } 尚未結案。
action-now-closed = 矯正措施 { $id } 已結案。
action-stands = 矯正措施 { $id }（要求 { $line }）：{ $stage }
action-stage-open = 待查明原因
action-stage-cause-known = 待採取措施
action-stage-measure-taken = 待確認結果
action-stage-result-known = 待審查成效
action-stage-closed = 已結案
action-step-open = 開立
action-step-assign = 指派
action-step-cause = 原因
action-step-measure = 措施
action-step-result = 結果
action-step-review = 成效審查
action-assigned = { $owner }，期限 { $due_on }
action-was-effective = 有效。{ $text }
action-was-not-effective = 無效，應另採措施。{ $text }

records-heading-id = 編號
records-heading-line = 要求
records-heading-effective = 生效日
records-heading-performed = 執行人員
records-heading-statement = 說明
records-heading-by = 登錄者
records-heading-state = 狀態
records-heading-kind = 種類
records-heading-due = 期限
records-heading-attestation = 最近佐證
records-heading-check = 檢查項目
records-heading-hosts = 主機
records-heading-from = 起日
records-heading-until = 迄日
records-heading-decided = 核定者
records-heading-stage = 進度
records-heading-owner = 負責人員
records-heading-seen = 發現事項
records-heading-step = 步驟
records-heading-said = 內容

line-attested = 佐證生效日 { $effective_on }（{ $by }），下次期限 { $due_at }
line-attested-over = 佐證生效日 { $effective_on }（{ $by }），已於 { $due_at } 逾期
line-action = 矯正措施 { $id }：{ $stage }
line-waived = 豁免 { $ids }

report-attested = 佐證：生效日 { $effective_on }，執行人員 { $performed_by }，登錄者 { $given_by }（{ $id }）：{ $statement }
report-attested-until = 有效至 { $due_at }，屆時應再提出佐證。
report-attested-over = 已於 { $due_at } 逾期，應再提出佐證。
report-evidence = 佐證檔案：{ $name }（{ $size } 位元組），SHA-256 { $sha256 }
report-line-action = 矯正措施 { $id }：{ $stage }
report-line-action-assigned = 矯正措施 { $id }：{ $stage }；負責人員 { $owner }，期限 { $due_on }
report-line-waivers = 部分豁免：{ $ids }
report-column-people = 佐證、矯正措施及豁免
report-waivers = 豁免
report-waivers-none = 本期間無生效之豁免。
report-waiver-check = 豁免事項
report-waiver-reason = 理由及替代措施
report-waiver-compensating = 替代措施：{ $text }
report-waiver-time = 起迄日
report-waiver-days = { $from } 至 { $until }
report-waiver-by = 申請人及核准人
report-waiver-said = { $who }：{ $note }
report-waiver-ended = { $who } 於 { $at } 終止：{ $note }
report-actions = 矯正措施
report-actions-none = 本期間無未結案之矯正措施。
report-action-line = 要求
report-action-stage = 進度
report-action-owner = 負責人員及期限
report-action-steps = 辦理情形
report-action-step = { $at } { $step }（{ $who }）：{ $said }
report-past-hosts = 本期間已結束。各主機於期末之結果僅以數量保存，列於前述各項要求；故不列出個別主機及其檢查結果。

front-due = 即將到期或已逾期之佐證
front-due-none = 三十日內無到期之佐證。
front-due-cut = 共 { $total } 項，此處列出前 { $shown } 項。
front-due-at = 期限
front-due-kind = 種類
front-actions = { $count ->
        [0] 無未結案之矯正措施。
       *[other] 未結案之矯正措施共 { $count } 件。
    }

csv-attestation-id = 佐證編號
csv-effective-on = 佐證生效日
csv-due-at = 佐證期限
csv-waivers = 豁免
csv-action = 矯正措施

## 演練證據

drill-performed-by = { $host }（plumbline-agent drill logins）
drill-statement = 於 { $host } 執行演練 { $drill }：合成之失敗登入 { $count } 次均被偵測，自收集器獲知演練起 { $seconds } 秒即收到偵測結果。
drill-scenario = 先通知收集器，再將標記之失敗 SSH 登入寫入 { $host } 之系統紀錄，模擬短時間內大量失敗登入。
drill-outcome = { $count } 次嘗試已如一般異常登入被偵測；依收集器之時鐘，自通知至偵測結果送達計 { $seconds } 秒。未計入真實異常次數。
