## 佐證資料包

bundle-fault-inclusion-false = 早於本資料包葉節點之操作紀錄不在帳本中：已遭竄改或係事後加入
bundle-fault-manifest-signature = 清單不是以收集端的金鑰簽署：已遭竄改
bundle-fault-member-added = 清單未列出此檔案：係事後加入
bundle-fault-member-changed = 檔案與清單所載不符：已遭竄改
bundle-fault-member-missing = 缺少檔案
bundle-fault-member-unreadable = 無法讀取檔案或其中一行
bundle-fault-plan-differs = 安全維護計畫與已發布並簽署者不符

bundle-of = { $company }之佐證資料包，期間 { $period }，帳本 { $origin }
bundle-covers = 本資料包包含至 { $until } 為止收受之全部資料：葉節點 { $first } 至 { $last }。
bundle-ends-early = 期間結束於 { $ends }，在上述時間之後：其後收受之資料不在本資料包內。
bundle-key = 帳本金鑰：{ $key }
bundle-compare = 此金鑰取自資料包本身，請與公司公布之指紋核對：{ $fingerprint }
bundle-anchored = 另行保存且與帳本相符之檢查點：{ $count } 個
bundle-anchors-before = 另行保存但早於本資料包、無從比對之檢查點：{ $count } 個；請以其所屬期間之資料包驗證。
bundle-anchors-after = 另行保存但晚於本資料包、無從比對之檢查點：{ $count } 個；請以其所屬期間之資料包驗證。
bundle-written = 已寫入 { $file }：葉節點 { $leaves } 個、回報 { $reports } 份、操作紀錄 { $acts } 筆；SHA-256 { $sha256 }
bundle-without-report = 不含檢核表與報告：{ $why }
bundle-progress = 已寫入葉節點：{ $done }／{ $all }
