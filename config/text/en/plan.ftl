## The plan and what is attested for it

attestation-audit = audit or self-check
attestation-backup = backup or restore test
attestation-budget = budget
attestation-contract = contract or agreement
attestation-corrective-action = corrective action
attestation-drill = drill
attestation-inventory = inventory
attestation-malware-scan = malware scan
attestation-monitoring = monitoring
attestation-organisation = who is responsible
attestation-plan-revision = review or revision of the plan
attestation-policy = policy
attestation-procedure = written procedure
attestation-records = records kept
attestation-review = review
attestation-risk-assessment = risk assessment
attestation-source-code-scan = source code scan
attestation-supervision = supervision of a vendor
attestation-training = training
attestation-vulnerability-scan = vulnerability scan

plan-blank = `{ $key }` ({ $clause }) is not filled in.
plan-longer = `{ $key }` ({ $clause }) is { $given }; the form calls { $usual } the longest usual.
plan-weaker = `{ $key }` ({ $clause }) is { $given }; the form calls { $usual } the least usual.
plan-no-exemption = `{ $key }` ({ $clause }) is switched off, and the form has no exemption for it; an auditor will ask why.
plan-sound-with-warnings = { $file } is sound, version { $version }, but not complete: { $count ->
        [one] one point is named above.
       *[other] { $count } points are named above.
    }
