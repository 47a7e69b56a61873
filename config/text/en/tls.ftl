## tls

tls-versions-accepted = Accepts { $versions } ({ $protocol }), nothing below { $minimum }.
tls-versions-below = Accepts { $below } ({ $protocol }), below the declared minimum { $minimum }.
tls-versions-unknown = Could not tell whether { $versions } is accepted ({ $protocol }): { $why }.
tls-endpoint-unknown = Could not tell what is spoken: { $why }.
tls-not-spoken-cleartext = Does not speak TLS (spoken in clear: { $speaks }).
tls-not-spoken-ssh = Speaks SSH, not TLS.
tls-not-spoken-silent = Accepts connections and gives no answer, neither to TLS nor to any protocol that can begin it.
tls-no-listener = No TCP socket is listening.
tls-namespace-closed = Could not speak to it: it is in the network namespace { $namespace }, which the agent may not enter. Allow that by the drop-in docs/transfer.md shows (CAP_SYS_ADMIN).
tls-namespace-unlisted = Could not list the sockets of the network namespace { $namespace }: { $why }. Run the agent as root, or allow it to enter namespaces as docs/transfer.md shows.
tls-namespaces-hidden = Could not tell which network namespaces are in use: some processes may not be looked at. Run the agent as root, or with CAP_SYS_PTRACE.
tls-namespaces-too-many = There are more network namespaces or processes than are looked at; sockets in the rest were not tested.

tls-suites-weak = Accepts weak cipher suites ({ $weaknesses }): { $suites }.
tls-suites-unknown = Could not tell whether weak cipher suites are accepted: { $why }.
tls-suites-strong = Accepts { $count } cipher suites, none of them weak; no post-quantum key exchange.
tls-suites-strong-hybrid = Accepts { $count } cipher suites, none of them weak; post-quantum key exchange: { $hybrids }.
tls-suites-none = Speaks TLS with a key agreed on beforehand alone; its suites can't be tried.

tls-certificates-good = { $count } certificates in order; the first ends on { $until }, in { $days } days.
tls-certificates-unknown = Could not read the certificate: { $why }.
tls-certificates-none = Shows no certificate (anonymous, or a key agreed on beforehand).
tls-certificate-expired = The certificate of { $subject } ended on { $until }.
tls-certificate-not-yet-valid = The certificate of { $subject } is not valid before { $from }.
tls-certificate-expires-soon = The certificate of { $subject } ends on { $until }, in { $days } days, within the declared notice.
tls-certificate-self-signed = The certificate of { $subject } is self-signed.
tls-certificate-untrusted = The certificate of { $subject } leads to no trusted authority (issued by { $issuer }).
tls-certificate-incomplete-chain = The chain of { $subject } lacks the certificate of its issuer { $issuer }.
tls-certificate-host-name-mismatch = The certificate of { $subject } is for { $names } and not for the host name asked for.
tls-certificate-weak-key = The key of { $subject } is weak ({ $key } bits).
tls-certificate-weak-signature = The certificate of { $subject } is signed by a weak algorithm ({ $algorithm }).

transfer-mend = On { $subject }, in { $file } of { $program }: { $setting }.
transfer-encrypted = Encrypts what it carries ({ $protocol }).
transfer-redirects = Speaks HTTP only to send on to HTTPS.
transfer-cleartext = Carries data without encryption ({ $speaks }).
transfer-not-reachable = No other host can reach it.
transfer-not-reachable-inside = It is in the network namespace { $namespace }; no other host can reach it there, only this host and its own namespaces.
transfer-cleartext-inside = Carries data without encryption ({ $speaks }) in the network namespace { $namespace }; whether other hosts can reach it can't be told from this host's packet filter.
transfer-ssh-strong = Offers no weak algorithm ({ $version }).
transfer-ssh-weak = Offers weak algorithms or keys: { $algorithms }.
transfer-ssh-unknown = Could not read what the SSH server offers: { $why }.
transfer-ssh-key-unknown = Could not tell how long the SSH server's RSA key is: { $why }.
transfer-ssh-none = No SSH server is listening.
transfer-tested-passed = { $count } endpoints were tested on { $date } and passed (versions, cipher suites, certificates, SSH): { $endpoints }.
transfer-tested-failed = { $count } endpoints were tested on { $date }; not passed: { $endpoints }.
transfer-tested-unknown = { $count } endpoints were tested on { $date }; not tested to the end: { $endpoints }.
transfer-tested-none = No endpoint with encryption was found on { $date }.

tls-heading-endpoint = endpoint
tls-heading-protocol = protocol
tls-heading-versions = versions
tls-heading-suites = suites
tls-heading-weak = weak
tls-heading-certificate = certificate
tls-heading-error = not found out
