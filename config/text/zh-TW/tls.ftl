## tls

tls-versions-accepted = 接受 { $versions }（{ $protocol }），不接受低於 { $minimum } 的版本。
tls-versions-below = 接受 { $below }（{ $protocol }），低於計畫申報之最低版本 { $minimum }。
tls-versions-unknown = 無法判定是否接受 { $versions }（{ $protocol }）：{ $why }。
tls-endpoint-unknown = 無法判定所使用的協定：{ $why }。
tls-not-spoken-cleartext = 未使用 TLS（以明文傳輸：{ $speaks }）。
tls-not-spoken-ssh = 使用 SSH，非 TLS。
tls-not-spoken-silent = 可建立連線，但對 TLS 及各種可轉為 TLS 的協定均無回應。
tls-no-listener = 本機沒有監聽中的 TCP 通訊埠。
tls-namespace-closed = 無法測試：該端點位於網路命名空間 { $namespace }，代理程式無權進入。請依 docs/transfer.md 所示之 drop-in 授權（CAP_SYS_ADMIN）。
tls-namespace-unlisted = 無法列出網路命名空間 { $namespace } 之通訊埠：{ $why }。請以 root 執行代理程式，或依 docs/transfer.md 所示授權其進入命名空間。
tls-namespaces-hidden = 無法確認使用中的網路命名空間：部分行程無權查看。請以 root 執行代理程式，或授予 CAP_SYS_PTRACE。
tls-namespaces-too-many = 網路命名空間或行程數量超過檢查上限，其餘命名空間之通訊埠未測試。

tls-suites-weak = 接受弱加密套件（{ $weaknesses }）：{ $suites }。
tls-suites-unknown = 無法判定是否接受弱加密套件：{ $why }。
tls-suites-strong = 接受 { $count } 種加密套件，均非弱加密套件；未提供後量子金鑰交換。
tls-suites-strong-hybrid = 接受 { $count } 種加密套件，均非弱加密套件；後量子金鑰交換：{ $hybrids }。
tls-suites-none = 僅接受預先共享金鑰之 TLS，無法檢測其加密套件。

tls-certificates-good = { $count } 張憑證均符合要求；最早於 { $until } 到期，尚餘 { $days } 日。
tls-certificates-unknown = 無法讀取憑證：{ $why }。
tls-certificates-none = 未出示憑證（匿名或預先共享金鑰）。
tls-certificate-expired = { $subject } 之憑證已於 { $until } 到期。
tls-certificate-not-yet-valid = { $subject } 之憑證自 { $from } 起始生效。
tls-certificate-expires-soon = { $subject } 之憑證將於 { $until } 到期，尚餘 { $days } 日，已進入計畫申報之更新期間。
tls-certificate-self-signed = { $subject } 之憑證為自簽憑證。
tls-certificate-untrusted = { $subject } 之憑證無法鏈結至受信任之憑證機構（簽發者：{ $issuer }）。
tls-certificate-incomplete-chain = { $subject } 之憑證鏈缺少簽發者 { $issuer } 之憑證。
tls-certificate-host-name-mismatch = { $subject } 之憑證適用於 { $names }，與連線之主機名稱不符。
tls-certificate-weak-key = { $subject } 之金鑰強度不足（{ $key } 位元）。
tls-certificate-weak-signature = { $subject } 之憑證以弱演算法簽章（{ $algorithm }）。

transfer-mend = 端點 { $subject }：請修改 { $program } 之設定 { $file }：{ $setting }。
transfer-encrypted = 傳輸已加密（{ $protocol }）。
transfer-redirects = HTTP 僅用於轉址至 HTTPS。
transfer-cleartext = 以明文傳輸資料（{ $speaks }）。
transfer-not-reachable = 其他主機無法連線。
transfer-not-reachable-inside = 位於網路命名空間 { $namespace }，其他主機無法連線，僅本機及本機之其他命名空間可連線。
transfer-cleartext-inside = 於網路命名空間 { $namespace } 以明文傳輸資料（{ $speaks }）；僅憑本機之封包過濾規則，無法判定其他主機能否連線。
transfer-ssh-strong = 未提供弱演算法（{ $version }）。
transfer-ssh-weak = 提供弱演算法或金鑰：{ $algorithms }。
transfer-ssh-unknown = 無法讀取 SSH 伺服器所提供之演算法：{ $why }。
transfer-ssh-key-unknown = 無法判定 SSH 伺服器 RSA 金鑰之長度：{ $why }。
transfer-ssh-none = 沒有監聽中的 SSH 伺服器。
transfer-tested-passed = 已於 { $date } 檢測 { $count } 個端點並通過（協定版本、加密套件、憑證、SSH）：{ $endpoints }。
transfer-tested-failed = 已於 { $date } 檢測 { $count } 個端點，未通過者：{ $endpoints }。
transfer-tested-unknown = 已於 { $date } 檢測 { $count } 個端點，未能完成檢測者：{ $endpoints }。
transfer-tested-none = 於 { $date } 未發現使用加密傳輸之端點。

tls-heading-endpoint = 端點
tls-heading-protocol = 協定
tls-heading-versions = 版本
tls-heading-suites = 加密套件數
tls-heading-weak = 弱點
tls-heading-certificate = 憑證
tls-heading-error = 未能判定
