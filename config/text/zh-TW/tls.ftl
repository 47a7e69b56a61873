## tls

tls-versions-accepted = 接受 { $versions }（{ $protocol }），不接受低於 { $minimum } 的版本。
tls-versions-below = 接受 { $below }（{ $protocol }），低於計畫申報之最低版本 { $minimum }。
tls-versions-unknown = 無法判定是否接受 { $versions }（{ $protocol }）：{ $why }。
tls-endpoint-unknown = 無法判定所使用的協定：{ $why }。
tls-not-spoken-cleartext = 未使用 TLS（以明文傳輸：{ $speaks }）。
tls-not-spoken-ssh = 使用 SSH，非 TLS。
tls-not-spoken-silent = 可建立連線，但對 TLS 及各種可轉為 TLS 的協定均無回應。
tls-no-listener = 本機沒有監聽中的 TCP 通訊埠。

tls-heading-endpoint = 端點
tls-heading-protocol = 協定
tls-heading-versions = 版本
tls-heading-suites = 加密套件數
tls-heading-certificate = 憑證
tls-heading-error = 未能判定
