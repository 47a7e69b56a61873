## Files that prove an attestation

evidence-empty = The file is empty. Choose the file that holds the evidence.
evidence-too-large = The file is larger than the { $mebibytes } MiB that are taken. Split it, or ask an administrator to raise the limit.
evidence-disguised = The file was sent as { $declared }, but it is { $found }. Send it as what it is, or as a PDF.
evidence-full = The collector has no room left for the file. Nothing was recorded; ask an administrator to free some space, then send it again.
evidence-interrupted = The file did not arrive whole. Nothing was recorded; send it again.
evidence-away = The server that keeps evidence can't be reached. Nothing was recorded; try again later.
evidence-missing = The file { $sha256 } is no longer where it was kept. Tell an administrator.
evidence-damaged = The file is not what it was when it was kept. Tell an administrator: { $why }
evidence-locked = The file must be kept until { $until }.
evidence-failed = The file could not be kept or read. Nothing was recorded; the collector's log says why.
