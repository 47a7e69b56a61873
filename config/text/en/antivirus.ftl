## antivirus
