## 防火牆

firewall-active-drops = 規則未放行之 { $family } 連線一律捨棄；開機時由 { $loaders } 載入規則。
firewall-active-not-kept = 目前規則未放行之 { $family } 連線會被捨棄，但沒有任何服務會在下次開機時載入這些規則。
firewall-active-differs = 目前規則未放行之 { $family } 連線會被捨棄，但開機時載入之設定與目前規則不一致：{ $differences }。
firewall-active-accepts = 已載入防火牆規則，但規則未提及之 { $family } 連線仍會放行。
firewall-active-none = 未載入任何防火牆規則，所有 { $family } 連線都會放行。
firewall-active-unknown = 無法由已載入之規則判定，規則未提及之 { $family } 連線是否放行。
firewall-active-no-address = 本機沒有可供其他主機連線之 { $family } 位址。

firewall-reachable-none = { $count ->
        [0] 本機沒有任何接受連線的通訊端。
       *[other] 本機 { $count } 個通訊端皆無法由其他主機連線。
    }
firewall-reachable-allowed = { $subject }（{ $process }）可連線之範圍未超出計畫允許之來源。
firewall-reachable-not-allowed = { $subject }（{ $process }）可由 { $from } 連線；計畫未列出此通訊埠。
firewall-reachable-translated = { $subject } 可由 { $from } 連線：{ $by } 將其轉送至 { $targets }，不經連入規則（例如 ufw）管制；計畫未列出此通訊埠。
firewall-reachable-from-more = { $subject }（{ $process }）可由 { $from } 連線，超出計畫允許此通訊埠之來源網段。
firewall-reachable-unknown = 無法判定其他主機能否連線至 { $subject }（{ $process }）：{ $why }。

firewall-review-changed = 防火牆規則最後變更於 { $date }，於申報之 { $limit } 內。
firewall-review-old = 防火牆規則最後變更於 { $date }，已逾申報之 { $limit }；其後曾檢視而無須變更者，請於收集端登錄佐證。
firewall-review-unchanged = 防火牆規則自 { $date } 起未變更，已逾申報之 { $limit }；曾檢視而無須變更者，請於收集端登錄佐證。
firewall-review-unknown = 無法判定防火牆規則最後變更之日期；自 { $date } 起開始觀察，尚未滿申報之 { $limit }。
firewall-review-none = 未載入任何防火牆規則，無從檢視。

firewall-heading-socket = 通訊端
firewall-heading-reach = 可連線
firewall-heading-from = 來源
firewall-heading-interfaces = 介面
firewall-heading-because = 依據
firewall-heading-question = 問題
firewall-word-yes = 是
firewall-word-assumed = 是（推定）
firewall-word-no = 否
firewall-word-unknown = 無法判定
firewall-word-source-ports = 來源埠 { $ports }
firewall-default-input = 防火牆引擎：{ $engines }。規則未提及之連線：IPv4 { $ip }，IPv6 { $ip6 }。
