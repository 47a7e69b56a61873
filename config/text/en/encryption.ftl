## encryption

encryption-volumes-encrypted = { $subject } is encrypted by { $by }.
encryption-volumes-fscrypt = { $subject } is encrypted by its file system (fscrypt).
encryption-volumes-plain = { $subject } is kept unencrypted on { $device }.
encryption-volumes-plain-virtual = { $subject } is kept unencrypted on the virtual disk { $device }. Whether the provider of the disk encrypts it cannot be seen from this host.
encryption-volumes-partly-fscrypt = { $subject } is kept unencrypted on { $device }; fscrypt encrypts only some of its directories. List the directories that hold personal data under encryption.paths in the plan.
encryption-volumes-hollow = { $subject } lies on { $device }, which is set up as encrypted but keeps some or all of its data plain: a null cipher, or an encryption that has not finished.

encryption-cipher-strong = { $subject } is encrypted with { $cipher }, { $strength } bits strong.
encryption-cipher-weak = { $subject } is encrypted with { $cipher }, only { $strength } bits strong; the plan asks for { $minimum }.
encryption-cipher-defeated = { $subject } is encrypted with { $cipher }, which does not hide the data.
encryption-cipher-unknown = How strong the cipher { $cipher } of { $subject } is, is not known.
encryption-cipher-hidden = { $subject } is encrypted by { $by }, which does not show its cipher to this check.
encryption-cipher-plain = { $subject } is not encrypted, so there is no cipher to judge; see encryption.volumes.

encryption-swap-none = No swap area is in use.
encryption-swap-encrypted = The swap area { $subject } is encrypted.
encryption-swap-plain = The swap area { $subject } is not encrypted.

encryption-memory = { $subject } is kept in memory only.
encryption-remote = { $subject } is kept by another machine; whether it is encrypted there cannot be seen from this host.
encryption-nothing-kept = No writable local file system of this host keeps data.
encryption-doubt-own = The file system of { $subject } can encrypt by itself, and no file shows whether it does.
encryption-doubt-no-device = The file system of { $subject } does not show the device it lies on.
encryption-doubt-container = { $subject } is kept by the host of this container, outside what the container can see. Run the agent on that host.
encryption-doubt-reverse = { $subject } is read-only, and may be an encrypted view of unencrypted files.
encryption-doubt-circle = The devices beneath { $subject } lie on each other in a circle.
encryption-doubt-device = What { $subject } lies on could not be seen: { $device }: { $why }.
encryption-doubt-fscrypt = The file system of { $subject } is set up for fscrypt and does not say whether this path is encrypted.
