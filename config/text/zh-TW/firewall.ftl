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
firewall-review-unknown = 無法判定防火牆規則最後變更之日期；自 { $date } 起開始觀察，尚未滿申報之 { $limit }；曾檢視者，請於收集端登錄佐證。
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

firewall-proof-not-declared = 計畫未要求由外部實際連線驗證。
firewall-proof-no-consent = 計畫要求由外部實際連線驗證，但本機未同意受測（agent.toml 之 outside_proof），故未執行。
firewall-proof-consents = 本機同意計畫指定之驗證者連線。
firewall-proof-not-yet = { $prover } 尚未由外部連線本機驗證。
firewall-proof-itself = 計畫僅指定本機為驗證者；本機無法由外部驗證自己。
firewall-proof-declined-not-in-the-plan = { $prover } 未連線本機：其持有之計畫未要求驗證。
firewall-proof-declined-not-the-hosts = { $prover } 未連線本機：本機位址皆非本機呼叫時之來源位址，亦非計畫為本機填寫之位址（中間是否有負載平衡器或 NAT？）。
firewall-proof-declined-not-outside = { $prover } 未連線本機：由該處看來此位址並非外部（例如兩者為同一部主機）；請於計畫指定其他主機為驗證者。
firewall-proof-failed = 無法請 { $prover } 連線本機：{ $why }。
firewall-proof-overdue = { $prover } 最後於 { $date } 連線本機；計畫申報之週期為 { $limit }。
firewall-proof-beyond = 待驗證之通訊埠超過單次上限，{ $prover } 尚有 { $count } 個未連線。
firewall-proof-nothing = 本機沒有待驗證之 TCP 通訊埠，{ $prover } 無須連線。
firewall-proof-agrees-open = { $subject }：{ $prover } 由 { $from } 連線成功，與依規則推得者一致。
firewall-proof-agrees-shut = { $subject }：{ $prover } 由 { $from } 無法連線，與依規則推得者一致。
firewall-proof-wrongly-blocked = { $subject }：依規則應封鎖，但 { $prover } 由 { $from } 連線成功。
firewall-proof-held-before = { $subject }：依規則可連線，但 { $prover } 由 { $from } 無法連線（{ $outcome }），應為中間之設備所阻擋。
firewall-proof-resolved-open = { $subject }：依規則無法判定可否連線；{ $prover } 由 { $from } 連線成功，而計畫未允許。
firewall-proof-resolved-allowed = { $subject }：依規則無法判定可否連線；{ $prover } 由 { $from } 連線成功，且為計畫所允許。
firewall-proof-resolved-shut = { $subject }：依規則無法判定可否連線；{ $prover } 由 { $from } 無法連線。
firewall-proof-changed = { $subject }：{ $prover } 連線期間規則或通訊端有變動，無從比較，待下次驗證。
firewall-proof-not-tried = { $subject }：{ $prover } 無法嘗試連線（無路由或未獲允許）。
firewall-proof-found = 本機以驗證者身分連線 { $host }，共嘗試 { $count } 個通訊埠。
firewall-proof-not-found = 計畫指定本機驗證 { $host }，但本機未於申報之 { $limit } 內連線；{ $host } 須先同意受測，計畫並須填寫其位址。
