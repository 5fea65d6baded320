"""The wire fuzzer: our real venue clients and a whole trade against venues that remember everything and answer wrongly.

plan       what one seed is: books, a trade, which answers are spoiled and for how long
honest     the venues: the paper exchange of both wires, in this process, answering bytes with bytes
kinds      what a request asks for, by its method and path
lies       the ways in which an answer is spoiled
bodies     how a JSON body is made wrong in one place
transport  where aiohttp's session stands: bytes in virtual time, spoiled on their way
pushes     frames that nobody asked for, spoiled too
desk       what a trade may ask of the world, carried out by the real activities
world      one seed: a storm of lies, then honest answers, a person, and payment
checks     what must hold afterwards, judged from the venue's own books
campaign   many seeds, on every core
sockets    the same lies over real sockets, for what only sockets show
"""
