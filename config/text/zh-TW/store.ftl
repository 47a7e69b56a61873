## 資料庫：計數、複製與還原

store-current = 資料庫已是本程式的結構版本。
store-recounted = 已重新計數 { $hosts } 台主機。原本有誤、現已更正的統計數字：{ $corrected } 個。
store-copied = 已複製 { $rows } 筆資料至 { $store }；帳本共 { $leaves } 個葉節點，樹的根雜湊值為 { $root }。請將設定中的 store 改為此處，再啟動收集端。
store-saved = 已寫入 { $file }。金鑰不在其中：請將資料目錄內的 ca/ 與 ledger.key 另行備份並分開保管，持有者可開啟一切。
store-restored = 已還原為 { $file }。請啟動收集端；收集端未持有的回報，代理程式會再送一次。
