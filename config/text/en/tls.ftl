## tls

tls-versions-accepted = Accepts { $versions } ({ $protocol }), nothing below { $minimum }.
tls-versions-below = Accepts { $below } ({ $protocol }), below the declared minimum { $minimum }.
tls-versions-unknown = Could not tell whether { $versions } is accepted ({ $protocol }): { $why }.
tls-endpoint-unknown = Could not tell what is spoken: { $why }.
tls-not-spoken-cleartext = Does not speak TLS (spoken in clear: { $speaks }).
tls-not-spoken-ssh = Speaks SSH, not TLS.
tls-not-spoken-silent = Accepts connections and gives no answer, neither to TLS nor to any protocol that can begin it.
tls-no-listener = No TCP socket is listening.

tls-heading-endpoint = endpoint
tls-heading-protocol = protocol
tls-heading-versions = versions
tls-heading-suites = suites
tls-heading-certificate = certificate
tls-heading-error = not found out
