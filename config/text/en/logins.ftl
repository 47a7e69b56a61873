## logins
