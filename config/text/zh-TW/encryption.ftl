## encryption
