## firewall

firewall-active-drops = Connections over { $family } that no rule lets in are dropped; the rules are loaded at start by { $loaders }.
firewall-active-not-kept = Connections over { $family } that no rule lets in are dropped now, but nothing loads these rules at the next start.
firewall-active-differs = Connections over { $family } that no rule lets in are dropped now, but what is loaded at start says otherwise: { $differences }.
firewall-active-accepts = Firewall rules are loaded, yet connections over { $family } that no rule is about are let in.
firewall-active-none = No firewall rules are loaded: every connection over { $family } is let in.
firewall-active-unknown = Whether connections over { $family } that no rule is about are let in could not be told from the loaded rules.
firewall-active-no-address = This host has no { $family } address that other hosts could send to.

firewall-reachable-none = { $count ->
        [0] No socket of this host takes connections.
       *[other] None of the { $count } sockets of this host can be reached from other hosts.
    }
firewall-reachable-allowed = { $subject } ({ $process }) is reachable from no more than the plan allows.
firewall-reachable-not-allowed = { $subject } ({ $process }) is reachable from { $from }; the plan does not list this port.
firewall-reachable-translated = { $subject } is reachable from { $from }: { $by } passes it on to { $targets }, past the rules for incoming connections (such as ufw's); the plan does not list this port.
firewall-reachable-from-more = { $subject } ({ $process }) is reachable from { $from }, beyond the networks that the plan allows for this port.
firewall-reachable-unknown = Whether other hosts can reach { $subject } ({ $process }) could not be told: { $why }.

firewall-review-changed = The firewall rules were last changed on { $date }, within the declared { $limit }.
firewall-review-old = The firewall rules were last changed on { $date }, longer ago than the declared { $limit }; if they were gone through since and left as they are, attest it on the collector.
firewall-review-unchanged = The firewall rules have not changed since { $date }, longer than the declared { $limit }; if they were gone through and left as they are, attest it on the collector.
firewall-review-unknown = When the firewall rules were last changed is not known; they have been watched since { $date }, not yet for the declared { $limit }.
firewall-review-none = No firewall rules are loaded, so there are none to review.

firewall-heading-socket = socket
firewall-heading-reach = reachable
firewall-heading-from = from
firewall-heading-interfaces = interfaces
firewall-heading-because = because
firewall-heading-question = question
firewall-word-yes = yes
firewall-word-assumed = yes, assumed
firewall-word-no = no
firewall-word-unknown = unknown
firewall-word-source-ports = source ports { $ports }
firewall-default-input = Engines: { $engines }. Connections that no rule is about: IPv4 { $ip }, IPv6 { $ip6 }.
