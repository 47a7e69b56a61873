## access.monitoring

access-nothing-declared = 計畫未申報存有個資之路徑（monitoring.access.paths 或 encryption.paths），本機應留存何種讀取紀錄須由人員認定。
access-nothing-here = 本機無計畫申報之個資路徑。
access-no-audit = 核心無稽核子系統，任何人之讀取行為均未留存紀錄。
access-audit-off = 稽核子系統已關閉，任何人之讀取行為均未留存紀錄。
access-no-auditd = auditd 未執行，核心產生之紀錄未保存。
access-no-log = auditd 執行中，但其紀錄檔不存在，核心產生之紀錄未保存。
access-records-lost = 系統啟動後已遺失 { $count } 筆稽核紀錄（等候佇列上限 { $backlog }）。
access-audit-runs = 稽核子系統已啟用，auditd 執行中，未遺失紀錄。
access-path-recorded = 讀取 { $path } 之行為均留存紀錄，重新開機後亦同。
access-path-not-kept = 讀取 { $path } 之行為目前留存紀錄，惟 /etc/audit 之規則檔未載明，重新開機後即不再留存。
access-path-not-loaded = /etc/audit 之規則檔載有讀取 { $path } 之稽核規則，但未載入核心。
access-path-excluded = 較前之稽核規則排除部分讀取 { $path } 之行為，未留存紀錄。
access-path-in-part = { $path } 僅部分使用者、程式或部分內容之讀取行為留存紀錄。
access-path-unrecorded = 讀取 { $path } 之行為未留存紀錄。
access-propose-rule = 於 /etc/audit/rules.d/30-personal-data.rules 加入：{ $rule }。
access-database-recorded = { $engine }（{ $name }）已記錄連線者及讀取內容。
access-database-no-connections = { $engine }（{ $name }）已記錄讀取內容，但未記錄連線者。
access-database-unrecorded = 依設定檔，{ $engine }（{ $name }）未記錄讀取行為。
access-mend-mariadb = 於 /etc/mysql/mariadb.conf.d/ 之 [mariadbd] 設定 plugin_load_add = server_audit、server_audit_logging = ON、server_audit_events = CONNECT,QUERY 並重新啟動；以 INSTALL SONAME 或 SET GLOBAL 所為之設定，須一併寫入設定檔始得認列。
access-mend-postgresql = 設定 shared_preload_libraries = 'pgaudit'、pgaudit.log = 'read, write, role, ddl'、log_connections = on 並重新啟動。

## access.abnormal

access-nothing-abnormal = { $readers ->
        [0] 申報路徑無存取紀錄。
       *[other] { $readers } 個帳號對申報路徑之存取均無異常。
    }
access-bulk-read = { $user } 於 { $first } 至 { $last } 間，在申報期間內存取個資 { $count } 次，遠超過該帳號之習慣。
access-off-hours-bulk-read = { $user } 於 { $first } 至 { $last } 間，在非上班時間存取個資 { $count } 次，與該帳號之習慣不符。
access-first-seen-reader = { $user } 於 { $first } 存取個資，為該帳號首次存取。
access-others = 另有 { $count } 個帳號有異常存取行為。
access-partly-unread = 存取紀錄未能完整讀取：部分紀錄於讀取前已不存在，或帳號數超過保存上限。
