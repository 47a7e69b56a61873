## antivirus.running

antivirus-none = No anti-virus that is known was found on this host.
antivirus-not-running = { $product } is installed and does not run.
antivirus-clamav-answers = ClamAV runs and answers: { $version }.
antivirus-clamav-silent = ClamAV runs and does not answer at { $socket }: { $why }.
antivirus-clamav-not-asked = ClamAV runs, and whether it is well could not be asked: it has no socket here that can be reached.
antivirus-product-runs = { $product } runs; what it protects can be seen in its own console alone.
antivirus-on-access-runs = Files are scanned as they are opened.
antivirus-on-access-off = The plan declares scanning on access, and clamonacc does not run.
antivirus-on-access-no-paths = clamonacc runs, and no path is given for it to watch.
antivirus-on-access-unknown = Whether { $product } scans on access can't be read; its own console tells.

## antivirus.signatures

antivirus-signatures-fresh = The daily signatures, version { $version }, were built on { $date }, within the declared { $limit }.
antivirus-signatures-fresh-unscheduled = The daily signatures, version { $version }, were built on { $date }, within the declared { $limit }; but nothing was found that will fetch the next ones.
antivirus-signatures-old = The daily signatures, version { $version }, were built on { $date }, longer ago than the declared { $limit }.
antivirus-signatures-missing = { $unofficial ->
        [0] There are no daily signatures in { $directory }.
       *[other] There are no daily signatures in { $directory }, only { $unofficial } files of others.
    }
antivirus-signatures-damaged = { $file } can't be read as a signature database: { $why }.
antivirus-definitions-unknown = How old the definitions of { $product } are can't be read; its own console tells.

## inspect antivirus

heading-product = product
heading-running = running
heading-answer = answer
heading-signatures = daily signatures
inspect-antivirus-none = No anti-virus that is known was found.
inspect-antivirus-processes-hidden = Processes could not be seen, so nothing is known of what runs.
