## 登入的人員，以及其操作紀錄

people-sign-in = 登入
people-sign-in-intro = 準繩收集端
people-user = 使用者名稱
people-password = 密碼
people-sign-in-provider = 以組織帳號登入
people-wrong = 使用者名稱或密碼錯誤，或帳號已停用。
people-wait = 嘗試次數過多，請於 { $seconds } 秒後再試。
people-busy = 收集端忙碌中，請稍後再試。
people-cross-site = 此登入要求來自其他網頁，請由本頁重新送出。
people-signed-in = 已登入：{ $user }
people-role-is = 角色：{ $role }
people-report = 本季稽核報告
people-sign-out = 登出
people-provider-failed = 無法以組織帳號登入
people-provider-unreachable = 無法連線至身分提供者，或其回應不正確。請稍後再試；詳情見收集端的日誌。
people-provider-refused = 身分提供者未核准此次登入。
people-provider-state = 此次登入並非由本瀏覽器發起，或已逾時。請重新登入。
people-provider-unsound = 身分提供者的回應無法信任，原因見收集端的日誌。
people-no-role = 身分提供者認得您，但您在此沒有角色。請洽收集端的管理者。
people-name-taken = 您的名稱在此屬於另一位使用者。請洽收集端的管理者。
people-back = 回到登入頁

people-role-viewer = 檢視者
people-role-auditor = 稽核者
people-role-operator = 維運者
people-role-admin = 管理者

people-user-added = 已建立使用者 { $user }，角色為{ $role }。
people-user-disabled = 已停用使用者 { $user }，其所有登入均已失效。
people-user-enabled = 使用者 { $user } 可再次登入。
people-user-role = 使用者 { $user } 的角色已改為{ $role }，須重新登入。
people-user-password = 使用者 { $user } 的密碼已更換，須重新登入。
people-prompt-password = { $user } 的密碼：
people-prompt-again = 再輸入一次：

people-heading-user = 使用者
people-heading-signs-in = 登入方式
people-heading-created = 建立時間
people-heading-disabled = 停用時間
people-heading-scopes = 可用於
people-heading-used = 最近使用
people-heading-at = 時間
people-heading-who = 何人
people-heading-what = 何事
people-heading-on = 對象
people-with-password = 密碼
people-with-provider = 身分提供者（{ $subject }）
people-all-scopes = 角色所允許的一切
people-never = 直到撤銷

front-title = 目前狀況
front-account = 帳號
front-checks = 須處理之檢查
front-checks-none = 凡已檢查之主機，各項檢查皆通過。
