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
firewall-review-unknown = When the firewall rules were last changed is not known; they have been watched since { $date }, not yet for the declared { $limit }; if they were gone through, attest it on the collector.
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

firewall-proof-not-declared = The plan asks for no proof from outside.
firewall-proof-no-consent = The plan asks that ports be connected to from outside, but this host does not consent to it (outside_proof in agent.toml), so nobody did.
firewall-proof-consents = This host consents to connections from the provers that the plan names.
firewall-proof-not-yet = { $prover } has not connected to this host from outside yet.
firewall-proof-itself = This host is the only prover that the plan names; it can't prove itself from outside.
firewall-proof-declined-not-in-the-plan = { $prover } did not connect to this host: the plan that it holds does not ask it to.
firewall-proof-declined-not-the-hosts = { $prover } did not connect to this host: none of its addresses is the one that it calls from, or one that the plan names for it (a balancer or NAT in between?).
firewall-proof-declined-not-outside = { $prover } did not connect to this host: seen from there the address is not outside, as where both are one machine; name another host as a prover.
firewall-proof-failed = { $prover } could not be asked to connect to this host: { $why }.
firewall-proof-overdue = { $prover } last connected to this host on { $date }; the plan declares every { $limit }.
firewall-proof-beyond = { $prover } left { $count } ports untried, more being in question than are connected to in one round.
firewall-proof-nothing = No TCP port of this host is in question, so { $prover } had nothing to connect to.
firewall-proof-agrees-open = { $subject }: { $prover } connected from { $from }, as follows from the rules.
firewall-proof-agrees-shut = { $subject }: { $prover } could not connect from { $from }, as follows from the rules.
firewall-proof-wrongly-blocked = { $subject }: by the rules it is blocked, yet { $prover } connected from { $from }.
firewall-proof-held-before = { $subject }: by the rules it is reachable, but { $prover } could not connect from { $from } ({ $outcome }); something in between holds it off.
firewall-proof-resolved-open = { $subject }: whether it is reachable could not be told from the rules; { $prover } connected from { $from }, and the plan does not allow that.
firewall-proof-resolved-allowed = { $subject }: whether it is reachable could not be told from the rules; { $prover } connected from { $from }, as the plan allows.
firewall-proof-resolved-shut = { $subject }: whether it is reachable could not be told from the rules; { $prover } could not connect from { $from }.
firewall-proof-changed = { $subject }: rules or sockets changed while { $prover } connected, so the two can't be compared; the next round tells.
firewall-proof-not-tried = { $subject }: { $prover } could not try to connect (no route, or it may not).
firewall-proof-found = Connected to { $host } as a prover: { $count } ports tried.
firewall-proof-not-found = The plan names this host as a prover of { $host }, but it has not connected to it within the declared { $limit }; { $host } has to consent, and the plan to name its addresses.
