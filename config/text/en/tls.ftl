## tls
