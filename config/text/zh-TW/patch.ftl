## patch.security-updates

patch-nothing-pending = 已安裝之 { $installed } 個套件均無擱置的安全性更新（套件清單發布於 { $date }）。
patch-pending-in-time = 有 { $count } 個原始碼套件之安全性更新待安裝，均未逾計畫申報之期限（{ $within }）。
patch-pending-overdue = 有 { $count } 個原始碼套件之安全性更新已擱置超過計畫申報之期限（{ $within }）。
patch-pending-since-unknown = 有 { $count } 個原始碼套件之安全性更新待安裝，首次檢視時即已存在，無法得知擱置多久。
patch-package-overdue = { $package } 之安全性更新（版本 { $version }）已擱置 { $days } 日。
patch-lists-none = 沒有任何套件清單，無法得知是否有待安裝的更新；請執行 apt update。
patch-lists-no-security-archive = 套件來源中沒有安全性更新套件庫，無法得知是否有待安裝的安全性更新。
patch-lists-not-fetched = 從未下載安全性更新套件庫 { $archive } 的清單；請執行 apt update。
patch-lists-damaged = 無法讀取安全性更新套件庫 { $archive } 的 { $list }：{ $why }。
patch-lists-undated = 安全性更新套件庫 { $archive } 未載明發布時間，無法得知清單新舊。
patch-lists-ahead = 安全性更新套件庫 { $archive } 的發布時間晚於本機時鐘，無法得知清單新舊；請校正時鐘。
patch-lists-old = 安全性更新套件庫 { $archive } 的清單發布至今已 { $days } 日，超過計畫申報之上限（{ $limit }）。
patch-status-broken = dpkg 狀態檔有 { $count } 筆資料無法解讀，該等套件無法判定。

## inspect packages

heading-package = 套件
heading-architecture = 架構
heading-installed = 已安裝版本
heading-candidate = 可更新版本
heading-security = 安全性更新
inspect-packages-summary = { $manager }：已安裝 { $installed } 個套件，{ $upgradable } 個可更新，{ $security } 個缺少安全性更新；清單發布於 { $date }。
inspect-packages-list-failed = 無法讀取 { $archive } 的 { $list }：{ $why }。
inspect-packages-unevaluated = 未納入判定：{ $what }。
inspect-packages-reboot = 系統待重新啟動。
