## logins.abnormal

logins-nothing-abnormal = { $count ->
        [0] 自 { $since } 起沒有任何登入嘗試，故無異常；已讀取：{ $sources }。
       *[other] 自 { $since } 起共 { $count } 次登入嘗試，均無異常；已讀取：{ $sources }。
    }
logins-brute-force = 暴力破解：{ $source } 於 { $first } 至 { $last } 間登入失敗 { $count } 次。
logins-brute-force-distributed = 分散式暴力破解：{ $sources } 個來源於 { $first } 至 { $last } 間以帳號 { $user } 登入失敗 { $count } 次。
logins-brute-force-distributed-unknown = 分散式暴力破解：{ $sources } 個來源於 { $first } 至 { $last } 間以不存在之帳號登入失敗 { $count } 次。
logins-password-spraying = 密碼噴灑：{ $source } 於 { $first } 至 { $last } 間嘗試 { $users } 個帳號。
logins-success-after-failures = { $source } 自 { $first } 起登入失敗 { $count } 次後，於 { $last } 以密碼類驗證登入成功。
logins-root-login = { $sources ->
        [1] root 由 { $source } 以計畫不允許之方式遠端登入，最近一次為 { $last }。
       *[other] root 由 { $sources } 個來源以計畫不允許之方式遠端登入，最近一次為 { $last }。
    }
logins-first-seen-source = { $user } 於 { $last } 自 { $source } 登入，該帳號從未自此網段登入。
logins-first-seen-user = { $user } 於 { $last } 登入，此前從未見該帳號登入。
logins-off-hours = { $user } 於 { $last } 登入，不在上班時間內，亦不合該帳號之習慣。
logins-dormant-account = { $user } 於 { $last } 登入，此前該帳號久未使用。
logins-impossible-pace = { $user } 於 { $last } 自 { $source } 登入，與前次自其他網路登入之間隔過短。
logins-new-privileged-account = { $user } 獲授予特權（{ $what }），最近一次為 { $last }。
logins-privilege-escalation = { $user } 於 { $first } 至 { $last } 間以 su 或 sudo 提升權限失敗 { $count } 次。
logins-privileges-refused = { $user } 要求未獲授權之特權（{ $what }），最近一次為 { $last }。
logins-others = 另有 { $count } 個來源或帳號出現異常登入。
logins-partly-unread = 下列登入紀錄未能讀取或未能完整讀取：{ $sources }。
logins-evicted = 近日登入嘗試過多，超出保留上限，其中 { $count } 次未予保留。
logins-drill-announced = 演練進行中：合成之失敗登入寫入至 { $until } 止，應被偵測。
logins-drill-detected = 演練：自 { $first } 起 { $count } 次合成之失敗登入，已如一般異常登入被偵測。
logins-drill-missed = 演練：合成之失敗登入至 { $until } 止未被偵測，僅讀得 { $count } 次；真實之異常登入亦將無法察知。

## logins.monitoring

logins-monitoring-active = 異常登入行為由下列程式監控中：{ $monitors }。
logins-monitoring-none = 主機上無執行中之程式監控異常登入行為。
logins-monitoring-dead = 已安裝 { $monitor }，但未執行。
logins-monitoring-watches-nothing = { $monitor } 執行中，但未設定監看登入紀錄。
logins-monitoring-log-stopped = { $log } 自 { $since } 起未再寫入，據此監控者已無法察知登入行為。
logins-monitoring-journal-stopped = 本機僅能由 journal 得知登入行為，惟 systemd-journald 未執行，無新紀錄寫入。
logins-monitoring-unwatched = 本代理程式讀取 { $files }，但其監看已失效，無法於數秒內察覺新寫入之紀錄。

## inspect logins

inspect-logins-summary = 讀取 { $lines } 行，其中 { $unparsed } 行無法解讀；登入嘗試 { $attempts } 次，異常樣態 { $anomalies } 項。
heading-kind = 類型
heading-user = 帳號
heading-sources = 來源
heading-first = 起始時間
heading-last = 最近時間
heading-count = 次數
heading-time = 時間
heading-service = 服務
heading-source = 來源
heading-outcome = 結果
heading-method = 驗證方式
heading-line = 行號
