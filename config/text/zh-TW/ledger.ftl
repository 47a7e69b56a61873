## 帳本及其驗證

ledger-stands = 全部無誤。查驗範圍：{ $what }。
ledger-faults = 發現 { $faults } 項異常。查驗範圍：{ $what }。
ledger-evidence = 內容無誤之佐證檔案：{ $count } 個
ledger-evidence-outside = 佐證儲存區中無任何紀錄提及之檔案：{ $count } 個
ledger-looked-at = 葉節點 { $leaves } 個、檢查點 { $checkpoints } 個、回報 { $reports } 份（留有內容者 { $bodies } 份）、操作紀錄 { $acts } 筆、聲明紀錄 { $records } 筆
ledger-more-faults = 僅列出前 { $shown } 項異常。
ledger-root = 樹的根雜湊值：{ $root }
ledger-uncovered = 晚於最新檢查點的葉節點：{ $count } 個。收集端執行時會在數秒內簽署下一個檢查點。

ledger-progress-evidence = 佐證檔案：{ $done }／{ $all }
ledger-progress-leaves = 葉節點：{ $done }／{ $all }
ledger-progress-reports = 回報：{ $done }

ledger-heading-anchor = 檢查點副本
ledger-heading-leaves = 葉節點數
ledger-heading-anchored-at = 送出時間
ledger-heading-failure = 最近一次失敗原因
ledger-heading-fault = 異常
ledger-heading-report = 回報
ledger-heading-leaf = 葉節點
ledger-heading-differs = 差異

ledger-place-report = { $incarnation }/{ $sequence }
ledger-place-act = 操作紀錄 { $act }
ledger-place-node = 第 { $level } 層節點 { $index }
ledger-place-checkpoint = 檢查點 { $size }
ledger-place-leaves = { $first } 至 { $last } 之一
ledger-differs = { $what }：{ $expected } → { $found }

ledger-fault-act-outside = 此操作紀錄沒有對應的葉節點：紀錄係事後加入，或葉節點已遭移除
ledger-fault-anchor-ahead = 另行保存之檢查點的葉節點多於現有數量：有葉節點遭移除
ledger-fault-anchor-root = 另行保存之檢查點的根雜湊值與葉節點不符：帳本已遭重寫
ledger-fault-anchor-signature = 另行保存之檢查點不是以收集端的金鑰簽署
ledger-fault-body-changed = 回報內容與紀錄的雜湊值不符
ledger-fault-body-differs = 回報內容所述與紀錄不符
ledger-fault-body-unreadable = 無法讀取回報內容
ledger-fault-chain-broken = `previous` 不是前一份回報的雜湊值，且無缺漏紀錄
ledger-fault-chain-gap = 缺少回報，且無缺漏紀錄
ledger-fault-checkpoint-ahead = 檢查點的葉節點多於現有數量：有葉節點遭移除
ledger-fault-checkpoint-differs = 檢查點的資料列與簽署內容不符
ledger-fault-checkpoint-missing = 缺少此檢查點的前一個檢查點
ledger-fault-checkpoint-overdue = 葉節點逾一小時沒有檢查點：檢查點已遭移除，或收集端在簽署前被強制終止；啟動收集端後即會簽署
ledger-fault-checkpoint-root = 檢查點的根雜湊值與葉節點不符：有葉節點遭竄改
ledger-fault-checkpoint-signature = 檢查點不是以收集端的金鑰簽署
ledger-fault-evidence-changed = 佐證檔案與紀錄不符：內容遭變更
ledger-fault-evidence-missing = 佐證檔案不存在：遭移除
ledger-fault-evidence-unlocked = 佐證檔案未鎖定，可遭刪除
ledger-fault-gap-differs = 缺漏紀錄與前後回報不符
ledger-fault-head-differs = 保存的樹緣與葉節點不符
ledger-fault-leaf-differs = 葉節點不是紀錄內容的雜湊值：其中之一遭竄改
ledger-fault-leaf-missing = 缺少葉節點
ledger-fault-leaf-order = 同一主機的兩份回報中，較後者的葉節點反而在前：其中之一遭移動
ledger-fault-leaf-outside = 葉節點超出樹的範圍
ledger-fault-node-changed = 內部節點與葉節點所得不符
ledger-fault-node-missing = 缺少內部節點
ledger-fault-node-outside = 內部節點超出樹的範圍
ledger-fault-record-differs = 紀錄內容與操作紀錄所載不符：其中之一遭竄改
ledger-fault-record-missing = 操作紀錄所載之紀錄已不存在
ledger-fault-record-outside = 沒有操作紀錄提及此紀錄：紀錄係事後加入，或操作紀錄已遭移除
ledger-fault-report-outside = 此回報沒有對應的葉節點：回報係事後加入，或葉節點已遭移除
ledger-fault-row-missing = 葉節點所代表的紀錄已不存在
ledger-fault-signature = 主機的簽章與回報內容及紀錄中的任何金鑰皆不符
