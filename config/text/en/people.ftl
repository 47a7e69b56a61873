## People who sign in, and what they did

people-sign-in = Sign in
people-sign-in-intro = Plumbline collector
people-user = User name
people-password = Password
people-sign-in-provider = Sign in with your organisation's account
people-wrong = The user name or the password is wrong, or the account is disabled.
people-wait = Too many attempts. Wait { $seconds } seconds, then try again.
people-busy = The collector is busy. Try again in a moment.
people-cross-site = The sign-in came from another page. Send it from here.
people-signed-in = Signed in as { $user }
people-role-is = Role: { $role }
people-report = Audit report of this quarter
people-sign-out = Sign out
people-provider-failed = Signing in at the identity provider did not work
people-provider-unreachable = The identity provider can't be reached or does not answer as it should. Try again later; the collector's log says more.
people-provider-refused = The identity provider did not sign you in.
people-provider-state = This sign-in is not the one that was begun in this browser, or it took too long. Begin again.
people-provider-unsound = What the identity provider said can't be trusted. The collector's log says why.
people-no-role = You are known to the identity provider, but have no role here. Ask an administrator of this collector for one.
people-name-taken = Your name here belongs to another user. Ask an administrator of this collector.
people-back = Back to sign-in

people-role-viewer = viewer
people-role-auditor = auditor
people-role-operator = operator
people-role-admin = administrator

people-user-added = User { $user } is made, with the role { $role }.
people-user-disabled = User { $user } is disabled; nothing is open to them any more.
people-user-enabled = User { $user } may sign in again.
people-user-role = User { $user } now has the role { $role }; they sign in again.
people-user-password = User { $user } has a new password; they sign in again.
people-prompt-password = Password of { $user }:{ " " }
people-prompt-again = The same again:{ " " }

people-heading-user = user
people-heading-signs-in = signs in with
people-heading-created = made
people-heading-disabled = disabled
people-heading-scopes = opens
people-heading-used = last used
people-heading-at = at
people-heading-who = who
people-heading-what = what
people-heading-on = on
people-with-password = password
people-with-provider = identity provider ({ $subject })
people-all-scopes = all its role may
people-never = until revoked

front-title = How things stand
front-account = Account
front-checks = Checks that need attention
front-checks-none = Every host that was looked at passes every check.
