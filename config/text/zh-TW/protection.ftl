## 入侵防護

protection-none = 本機未發現任何可辨識之此類產品。
protection-not-found = 計畫申報採用 { $product }，但本機未發現。
protection-unheard-of = 計畫申報採用 { $product }，本版本無法辨識此產品，請於收集端登錄佐證。
protection-unverified = 已安裝 { $product }，狀態不明：其名稱尚未與該產品核對，請至其管理主控台確認。
protection-not-running = 已安裝 { $product }，但未執行。
protection-not-scheduled = 已安裝 { $product }，但未發現啟動它的排程。
protection-rules-old = { $product } 運作中，但規則最後更新於 { $date }，已逾申報之 { $limit }。
protection-rules-unknown = { $product } 運作中，但無法判定規則之更新日期。
protection-well = { $product } 運作中；規則最後更新於 { $date }，於申報之 { $limit } 內。
protection-no-web-server = 本機未執行任何可辨識之網站伺服器。
protection-no-mail-server = 本機未執行任何可辨識之郵件伺服器。
protection-waf-watches = 依 { $files }，{ $product } 僅記錄可疑之要求而未阻斷；計畫申報應予阻斷。
protection-waf-off = 依 { $files }，{ $product } 已停用；計畫申報可疑之要求應予阻斷。
protection-waf-no-rules = { $product } 設定為阻斷可疑請求，但未找到載入規則（例如 OWASP 核心規則集）之設定；沒有規則即無從阻斷。
protection-waf-unsaid = 已載入 { $product }，但由讀取之設定無法判定是否阻斷可疑之要求。
