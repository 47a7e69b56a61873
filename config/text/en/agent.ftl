## agent
