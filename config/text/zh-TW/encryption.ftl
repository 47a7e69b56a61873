## 加密

encryption-volumes-encrypted = { $subject } 已由 { $by } 加密。
encryption-volumes-fscrypt = { $subject } 已由其檔案系統（fscrypt）加密。
encryption-volumes-plain = { $subject } 未加密，存放於 { $device }。
encryption-volumes-plain-virtual = { $subject } 未加密，存放於虛擬磁碟 { $device }；磁碟提供者是否另行加密，無法由本機得知。
encryption-volumes-partly-fscrypt = { $subject } 未加密，存放於 { $device }；fscrypt 僅加密其中部分目錄。請於計畫 encryption.paths 列明存放個資之目錄。
encryption-volumes-hollow = { $subject } 位於 { $device }，該裝置雖設定為加密，但部分或全部資料仍為明文（使用空加密演算法，或加密尚未完成）。

encryption-cipher-strong = { $subject } 以 { $cipher } 加密，強度 { $strength } 位元。
encryption-cipher-weak = { $subject } 以 { $cipher } 加密，強度僅 { $strength } 位元；計畫要求 { $minimum } 位元。
encryption-cipher-defeated = { $subject } 以 { $cipher } 加密，無法隱藏資料內容。
encryption-cipher-unknown = { $subject } 使用之加密演算法 { $cipher } 強度不明。
encryption-cipher-hidden = { $subject } 由 { $by } 加密，本檢查無法得知其演算法。
encryption-cipher-plain = { $subject } 未加密，故無演算法可判定；請見 encryption.volumes。

encryption-swap-none = 未啟用任何置換空間。
encryption-swap-encrypted = 置換空間 { $subject } 已加密。
encryption-swap-plain = 置換空間 { $subject } 未加密。

encryption-memory = { $subject } 僅存放於記憶體。
encryption-remote = { $subject } 存放於其他主機，是否加密無法由本機得知。
encryption-nothing-kept = 本機沒有存放資料之可寫入本機檔案系統。
encryption-doubt-own = { $subject } 之檔案系統可自行加密，但沒有任何檔案可顯示是否已加密。
encryption-doubt-no-device = { $subject } 之檔案系統未顯示其所在裝置。
encryption-doubt-container = { $subject } 存放於此容器所在之主機，容器內無法得知；請於該主機執行代理程式。
encryption-doubt-reverse = { $subject } 為唯讀，可能是未加密檔案之加密檢視。
encryption-doubt-circle = { $subject } 下層之裝置互相循環。
encryption-doubt-device = 無法得知 { $subject } 所在之裝置：{ $device }：{ $why }。
encryption-doubt-fscrypt = { $subject } 之檔案系統已設定 fscrypt，但未表明此路徑是否加密。
