## 收集端指令列

collector-made = 收集端已建立於 { $data_dir }。
    CA 指紋（SHA-256），供 `plumbline-agent enroll --ca-sha256` 使用：{ $ca_sha256 }
    CA 憑證，供瀏覽器與 Prometheus 使用：{ $ca_certificate }
    目前的計畫（公司發布自己的計畫之前）：{ $plan_version }
    管理者的 API 權杖（僅顯示這一次，有效至 { $expires_at }）：{ $admin_token }
collector-token-made = 註冊權杖（僅顯示這一次）：{ $token }
    可註冊 { $uses } 台「{ $role }」主機，有效至 { $expires_at }。
collector-api-token-made = API 權杖（僅顯示這一次）：{ $token }
    角色為 { $role }，可用於 { $scopes }，有效至 { $expires_at }；以 `apitoken revoke { $id }` 提前撤銷。
collector-revoked = 已撤銷 { $what }。
collector-plan-published = 已發布版本 { $version }；代理程式於下次回報時取得。
collector-plan-unchanged = 版本 { $version } 已是現行計畫。

collector-state-fresh = 正常回報
collector-state-stale = 失聯
collector-state-revoked = 已撤銷

collector-heading-host = 主機
collector-heading-name = 名稱
collector-heading-role = 角色
collector-heading-state = 狀態
collector-heading-os = 作業系統
collector-heading-heard = 最近回報
collector-heading-age = 收到時間
collector-heading-token = 權杖
collector-heading-used = 已使用
collector-heading-ends = 到期
collector-heading-note = 用途
collector-heading-revoked = 撤銷時間

collector-days-ago = { $count } 天前
collector-hours-ago = { $count } 小時前
collector-minutes-ago = { $count } 分鐘前
collector-seconds-ago = { $count } 秒前
