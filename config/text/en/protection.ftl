## protection

protection-none = No product for this purpose that is known was found on this host.
protection-not-found = The plan declares { $product }, which was not found on this host.
protection-unheard-of = The plan declares { $product }, which this version does not know how to look for; attest it on the collector.
protection-unverified = { $product } is installed, state unknown: its names have not been compared with the product, and its own console tells.
protection-not-running = { $product } is installed and does not run.
protection-not-scheduled = { $product } is installed, and nothing was found that starts it.
protection-rules-old = { $product } works, but its rules were last changed on { $date }, longer ago than the declared { $limit }.
protection-rules-unknown = { $product } works; how old its rules are could not be told.
protection-well = { $product } works; its rules were last changed on { $date }, within the declared { $limit }.
protection-no-web-server = No web server that is known runs on this host.
protection-no-mail-server = No mail server that is known runs on this host.
protection-waf-watches = { $product } only notes suspicious requests and lets them pass, by { $files }; the plan declares that they are stopped.
protection-waf-off = { $product } is switched off by { $files }; the plan declares that suspicious requests are stopped.
protection-waf-no-rules = { $product } is told to stop suspicious requests, but no settings were found that load rules for it, such as the OWASP Core Rule Set; without rules it stops nothing.
protection-waf-unsaid = { $product } is loaded; whether it stops suspicious requests is not said in the settings that were read.
