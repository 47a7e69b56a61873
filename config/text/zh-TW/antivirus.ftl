## antivirus.running

antivirus-none = 本機未發現任何已知的防毒軟體。
antivirus-not-running = { $product } 已安裝但未執行。
antivirus-clamav-answers = ClamAV 執行中且有回應：{ $version }。
antivirus-clamav-silent = ClamAV 執行中但 { $socket } 沒有回應：{ $why }。
antivirus-clamav-not-asked = ClamAV 執行中，但沒有可連線的通訊端，無法確認其是否正常。
antivirus-product-runs = { $product } 執行中；其防護狀態僅能由該產品之管理主控台得知。
antivirus-on-access-runs = 檔案於開啟時即時掃描。
antivirus-on-access-off = 計畫申報即時掃描，但 clamonacc 未執行。
antivirus-on-access-no-paths = clamonacc 執行中，但未設定任何監看路徑。
antivirus-on-access-unknown = 無法讀取 { $product } 是否即時掃描，請查閱該產品之管理主控台。

## antivirus.signatures

antivirus-signatures-fresh = 每日病毒碼版本 { $version } 建置於 { $date }，未逾計畫申報之期限（{ $limit }）。
antivirus-signatures-fresh-unscheduled = 每日病毒碼版本 { $version } 建置於 { $date }，未逾計畫申報之期限（{ $limit }）；但未發現任何會自動更新病毒碼的排程。
antivirus-signatures-old = 每日病毒碼版本 { $version } 建置於 { $date }，已逾計畫申報之期限（{ $limit }）。
antivirus-signatures-missing = { $unofficial ->
        [0] { $directory } 中沒有每日病毒碼。
       *[other] { $directory } 中沒有每日病毒碼，僅有 { $unofficial } 個其他來源的特徵檔。
    }
antivirus-signatures-damaged = { $file } 無法解讀為病毒碼資料庫：{ $why }。
antivirus-definitions-unknown = 無法讀取 { $product } 之病毒碼日期，請查閱該產品之管理主控台。

## inspect antivirus

heading-product = 產品
heading-running = 執行中
heading-answer = 回應
heading-signatures = 每日病毒碼
inspect-antivirus-none = 未發現任何已知的防毒軟體。
inspect-antivirus-processes-hidden = 無法檢視程序，因此不知何者正在執行。
