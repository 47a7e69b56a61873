## 人工佐證所附的檔案

evidence-empty = 檔案是空的，請選擇存有佐證內容的檔案。
evidence-too-large = 檔案超過上限 { $mebibytes } MiB。請分割檔案，或請管理員調高上限。
evidence-disguised = 檔案以 { $declared } 送出，內容實為 { $found }。請以正確的格式送出，或轉成 PDF。
evidence-full = 收集端已無空間存放此檔案，未留下任何紀錄。請管理員釋出空間後再送一次。
evidence-interrupted = 檔案未完整送達，未留下任何紀錄，請再送一次。
evidence-away = 無法連線至存放佐證檔案的伺服器，未留下任何紀錄，請稍後再試。
evidence-missing = 檔案 { $sha256 } 已不在原存放處，請通知管理員。
evidence-damaged = 檔案與留存時不符，請通知管理員：{ $why }
evidence-locked = 檔案須保存至 { $until }。
evidence-failed = 無法存放或讀取檔案，未留下任何紀錄；原因見收集端的日誌。
