## patch
