"""The closed vocabularies of the patterns: what may stand where precision demands that not everything may."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _phrases(text: str) -> frozenset[str]:
    return frozenset(" ".join(phrase.split()) for phrase in text.split(","))


RELATIVES = {
    **dict.fromkeys(("mother", "mum", "mom", "mommy", "mummy", "mama", "ma"), "mother"),
    **dict.fromkeys(("father", "dad", "daddy", "papa"), "father"),
    **dict.fromkeys(("grandmother", "grandma", "granny", "nana", "gran"), "grandmother"),
    **dict.fromkeys(("grandfather", "grandpa", "granddad"), "grandfather"),
    **dict.fromkeys(("kid", "child", "kids", "children"), "child"),
    **dict.fromkeys(("friend", "friends", "buddy", "pal", "mate", "mates"), "friend"),
    **dict.fromkeys(("bestie", "bff"), "best friend"),
    **dict.fromkeys(("boyfriend", "bf"), "boyfriend"),
    **dict.fromkeys(("girlfriend", "gf"), "girlfriend"),
    **dict.fromkeys(("fiancé", "fiancée", "fiance", "fiancee"), "fiancé"),
    **dict.fromkeys(("hubby", "husband"), "husband"),
    **{
        word: word
        for word in [
            "sister",
            "brother",
            "wife",
            "partner",
            "spouse",
            "son",
            "daughter",
            "baby",
            "aunt",
            "uncle",
            "cousin",
            "niece",
            "nephew",
            "stepmother",
            "stepfather",
            "stepsister",
            "stepbrother",
            "stepson",
            "stepdaughter",
            "godmother",
            "godfather",
            "godson",
            "goddaughter",
            "roommate",
            "flatmate",
            "housemate",
            "neighbour",
            "neighbor",
            "colleague",
            "coworker",
            "boss",
            "manager",
            "teacher",
            "therapist",
            "twin",
            "grandson",
            "granddaughter",
            "crush",
            "ex",
        ]
    },
    **{
        f"{word}s": word
        for word in [
            "sister",
            "brother",
            "son",
            "daughter",
            "aunt",
            "uncle",
            "cousin",
            "niece",
            "nephew",
            "roommate",
            "flatmate",
            "neighbour",
            "twin",
        ]
    },
}
PETS = {
    **dict.fromkeys(("dog", "dogs", "puppy", "pup", "doggo", "puppies"), "dog"),
    **dict.fromkeys(("cat", "cats", "kitten", "kitty", "kittens"), "cat"),
    **dict.fromkeys(("fish", "goldfish"), "fish"),
    **dict.fromkeys(("rabbit", "rabbits", "bunny", "bunnies"), "rabbit"),
    **dict.fromkeys(("guinea pig", "guinea pigs"), "guinea pig"),
    **dict.fromkeys(("pet", "pets"), "pet"),
    **{
        name: word
        for word in [
            "horse",
            "pony",
            "hamster",
            "parrot",
            "budgie",
            "bird",
            "turtle",
            "tortoise",
            "snake",
            "lizard",
            "gecko",
            "ferret",
            "chicken",
            "goat",
            "rat",
            "mouse",
            "hedgehog",
            "iguana",
            "cow",
            "donkey",
            "duck",
            "labrador",
            "poodle",
            "beagle",
            "dachshund",
            "corgi",
            "husky",
        ]
        for name in (word, word + "s")
    },
}
NUMBERS = _words("a an one two three four five six seven eight nine ten 1 2 3 4 5 6 7 8 9 10")
COUNTED = _words(
    "kids children sons daughters siblings brothers sisters cats dogs rabbits horses chickens grandchildren grandkids"
)

# A job is the last word of its phrase: "bridge engineer".
JOBS = _words("""
    accountant actor actress actuary administrator analyst anthropologist archaeologist architect archivist
    artist assistant astronaut astronomer athlete attorney auditor author baker banker barber barista bartender
    biologist blacksmith boxer brewer bricklayer broker builder butcher butler buyer caregiver carer caretaker
    carpenter cashier caterer chaplain chauffeur chef chemist chiropractor cleaner clerk coach cobbler comedian
    composer conductor consultant contractor cook coordinator copywriter counsellor counselor courier curator
    dancer dealer dentist designer detective developer devops dietitian director dispatcher diver dj doctor
    drummer economist editor electrician embroiderer engineer entrepreneur epidemiologist farmer filmmaker
    firefighter fireman fisherman florist forester freelancer gamedev gardener geologist glazier goldsmith
    grocer guide guitarist hairdresser handyman historian homemaker illustrator instructor interpreter
    investigator janitor jeweller jeweler journalist judge lawyer lecturer librarian lifeguard linguist
    locksmith logistician machinist magician manager masseuse mathematician mechanic medic meteorologist midwife
    milkman miner minister model musician nanny neurologist neuroscientist novelist nun nurse nutritionist
    officer operator optician optometrist painter paralegal paramedic pastor pathologist pediatrician pharmacist
    philosopher photographer physician physicist physiotherapist pianist pilot plumber poet policeman
    policewoman politician porter postman priest principal producer professor programmer psychiatrist
    psychologist publicist rabbi radiographer ranger realtor receptionist recruiter referee reporter researcher
    sailor salesman salesperson saleswoman scientist sculptor secretary seamstress shepherd singer sociologist
    soldier solicitor songwriter specialist statistician steward stewardess streamer student sommelier
    supervisor surgeon surveyor sysadmin tailor tattooist teacher technician tester therapist toolmaker trader
    trainee trainer translator tutor undertaker vet veterinarian videographer violinist waiter waitress
    watchmaker welder woodworker writer youtuber zookeeper zoologist barman bookkeeper bookseller cellist
    co-founder founder ceo cto intern apprentice internist nurse-practitioner programmer scholar undergraduate
    freshman sophomore postdoc bus-driver driver welder worker planner strategist marketer lobbyist diplomat
    retiree pensioner housewife
""")
EMPLOYERS = _words("""
    hospital school bank university college library restaurant café cafe bakery shop store supermarket factory
    museum theatre theater hotel clinic pharmacy startup company firm agency office warehouse bar pub
    kindergarten nursery farm garage airport station lab laboratory newspaper magazine studio garden zoo gym
    salon brewery vineyard bookshop bookstore court ministry charity nonprofit
""")
SUBJECTS = _words("""
    accounting anthropology archaeology architecture art arts astronomy biochemistry biology botany business
    chemistry classics communications computing cs dance dentistry design economics education engineering
    english film finance french geography geology german graphic history it journalism languages latin law
    linguistics literature management marketing mathematics maths math mechanics medicine meteorology
    microbiology music neuroscience nursing nutrition pharmacology pharmacy philosophy photography physics
    physiotherapy politics psychology science sciences sociology software spanish statistics theatre theology
    translation zoology informatics robotics counseling counselling
""")
LANGUAGES = _words("""
    afrikaans albanian arabic armenian basque belarusian bengali bosnian breton bulgarian burmese cantonese
    catalan chinese croatian czech danish dutch english esperanto estonian farsi filipino finnish french
    galician georgian german greek gujarati hausa hawaiian hebrew hindi hungarian icelandic igbo indonesian
    irish italian japanese kannada kazakh khmer korean kurdish latin latvian lithuanian macedonian malay
    malayalam maltese mandarin maori marathi mongolian nepali norwegian pashto persian polish portuguese punjabi
    romanian russian sanskrit serbian slovak slovene slovenian somali spanish swahili swedish tagalog tamil
    telugu thai tibetan turkish ukrainian urdu uzbek vietnamese welsh xhosa yiddish yoruba zulu asl bsl
""")
NATIONALITIES = LANGUAGES | _words("""
    african algerian american argentine argentinian asian australian austrian belgian bolivian brazilian british
    canadian chilean christian colombian cuban cypriot egyptian ethiopian european german ghanaian indian
    iranian iraqi israeli jamaican jordanian kenyan kuwaiti lebanese libyan mexican moroccan muslim hindu
    buddhist jewish sikh nigerian pakistani palestinian peruvian qatari saudi scottish singaporean spaniard
    sudanese swiss syrian taiwanese tunisian venezuelan yemeni zambian catholic protestant orthodox atheist
    agnostic mormon lutheran scandinavian latino latina hispanic caucasian texan londoner parisian berliner
    new-yorker slav slavic nordic
""")
INSTRUMENTS = _words("""
    accordion banjo bass bassoon cello clarinet drums euphonium fiddle flute guitar harmonica harp harpsichord
    horn keyboard keyboards mandolin oboe organ percussion piano recorder sax saxophone sitar trombone trumpet
    tuba ukulele viola violin
""")
GAMES = _words("""
    badminton baseball basketball chess cricket darts football futsal golf handball hockey lacrosse padel
    pickleball poker pool rugby snooker soccer softball squash tennis volleyball minecraft go bridge
""")

NOT_NAMES = NATIONALITIES | _words("""
    a about able absolutely actually afraid again all alone already also always amazed an and angry annoyed
    another anxious any april aquarius aries ashamed asleep at august autistic available aware away awake
    awesome awful back bad batman beautiful because better bi big bisexual black blessed blind bored born both
    brave broke broken brown busy but by calm cancer capricorn careful certain charming chilling clueless cold
    coming complicated confident confused cool crazy cruel curious cute daddy dead deaf december definitely
    delighted depressed desperate devastated difficult disabled disappointed disgusted divorced done dr drained
    driving drunk dumb dying eager early easy eating eighteen embarrassed empty engaged enough even ever every
    everyone everything evil exactly excited exhausted extremely fab fabulous fair famous fantastic fat february
    feeling female fine finished first free friday friendly from frustrated full fun funny furious gay gemini
    genderfluid getting glad god going gone good great grateful green grieving guilty guy guys happy hard having
    healthy heartbroken her here high him his home homeless honest honoured hopeful hopeless hot huge human
    hungry hurt i if ill important in innocent insane interested introverted invited invisible is it january
    jealous jesus jobless joking july june just keen kidding kind kinda late laughing lazy leaving lesbian
    libra like literally little lonely looking lost lovely lucky mad made male man march married maybe me mean
    mentally merely mine miserable monday more mostly mr mrs ms mum my naked near nearly nervous neutral never
    new nice no nobody nonbinary non-binary none normal not nothing november now number numb obsessed obviously
    october of off okay ok old on one online only open optimistic or other our out over overwhelmed paid
    panicking pansexual paralysed paralyzed perfect perfectly pisces playing pleased poor positive practically
    pregnant pretty probably proud queer quiet quite ready real really recovering relaxed relieved religious
    retired rich right ruined running sad safe sagittarius same santa satan satisfied saturday scared scorpio
    screaming screwed secret seeing sensitive september serious seriously shaking shocked short shy sick silent
    silly simply since single sitting sleeping sleepy slow smart so sober some someone something sorry spiritual
    starting starving still straight stressed strong stuck stunned stupid such sunday sure surprised talking
    tall taken taurus terrible terrified thankful that the their them there they thinking thinner thirsty this
    thrilled thursday tired to today tomorrow too torn touched trans trapped travelling traveling trying tuesday
    ugly unable unemployed unhappy unique unsure up upset used useless usually vegan vegetarian very virgo
    visiting waiting walking watching we weak wednesday weird well what whatever where white who whole why
    widowed wild with wondering working worried worse worst worthless wow writing wrong yes yesterday you young
    your yours yummy hello hi hey thanks thank please well-known muddy mud long hot-headed lol haha omg btw sir
    madam miss lord king queen congrats congratulations sounds
    team died dies passed went came ran got was said says called lives likes loves
""")

PLACES = _phrases("""
    afghanistan, albania, algeria, argentina, armenia, australia, austria, bangladesh, belarus, belgium,
    bolivia, bosnia, brazil, bulgaria, cambodia, cameroon, canada, chile, china, colombia, costa rica, croatia,
    cuba, cyprus, czech republic, czechia, denmark, ecuador, egypt, england, estonia, ethiopia, finland, france,
    georgia, germany, ghana, greece, guatemala, hungary, iceland, india, indonesia, iran, iraq, ireland, israel,
    italy, jamaica, japan, jordan, kazakhstan, kenya, kosovo, kuwait, latvia, lebanon, libya, lithuania,
    luxembourg, malaysia, malta, mexico, moldova, mongolia, montenegro, morocco, nepal, netherlands, holland,
    new zealand, nigeria, north macedonia, norway, pakistan, palestine, panama, peru, philippines, poland,
    portugal, qatar, romania, russia, saudi arabia, scotland, senegal, serbia, singapore, slovakia, slovenia,
    somalia, south africa, south korea, spain, sri lanka, sudan, sweden, switzerland, syria, taiwan, tanzania,
    thailand, tunisia, turkey, uganda, ukraine, uruguay, venezuela, vietnam, wales, yemen, zambia, zimbabwe,
    amsterdam, ankara, athens, atlanta, auckland, austin, baghdad, bali, bangalore, bangkok, barcelona, basel,
    beijing, belfast, belgrade, berlin, bern, birmingham, bogota, bologna, bordeaux, boston, bratislava,
    brisbane, bristol, brussels, bucharest, budapest, buenos aires, cairo, calgary, california, cambridge, cape
    town, cardiff, chennai, chicago, cologne, colorado, copenhagen, dallas, delhi, denver, detroit, dresden,
    dubai, dublin, edinburgh, florence, florida, frankfurt, geneva, genoa, glasgow, graz, hamburg, hanoi,
    havana, hawaii, helsinki, hong kong, houston, istanbul, jakarta, jerusalem, johannesburg, karachi, kiev,
    kyiv, krakow, kyoto, lagos, las vegas, leeds, leipzig, lima, lisbon, liverpool, ljubljana, london, los
    angeles, lyon, madrid, manchester, manila, maribor, marseille, melbourne, mexico city, miami, michigan,
    milan, minsk, montreal, moscow, mumbai, munich, nairobi, naples, new delhi, new jersey, new york, new york
    city, nyc, nice, ohio, oregon, osaka, oslo, ottawa, oxford, paris, pennsylvania, perth, philadelphia,
    phoenix, porto, portland, prague, quebec, riga, rio de janeiro, rome, rotterdam, salzburg, san diego, san
    francisco, santiago, sao paulo, sarajevo, seattle, seoul, seville, shanghai, sheffield, sofia, split, st
    petersburg, stockholm, stuttgart, sydney, taipei, tallinn, tehran, tel aviv, texas, the hague, tirana,
    tokyo, toronto, trieste, turin, utrecht, valencia, vancouver, venice, vermont, vienna, vilnius, virginia,
    warsaw, washington, wellington, wroclaw, zagreb, zurich, uk, usa, us, america, europe, asia, africa, south
    america, la
""")

# Where a job, a subject or a favourite ends.
AFTER_JOB = _words("at for in with by and but on from who to of since because working specializing which that")
AFTER_SUBJECT = _words("at in for to and with as on because so")
AFTER_FAVOURITE = _words("because since but so when though although and for as especially by with who which in")
NO_JOB = _words("bad terrible great good big huge better fake amateur")
NO_FAVOURITE_FIRST = _words(
    "not definitely probably how what being getting to one seeing still always quite a watching"
)

# What "I love ..." may not begin with: nothing that lasts is meant by it.
NO_TASTE_FIRST = _words("""
    a an the this that these those it its it's he him his she her they them their theirs you u your yours
    yourself ya ye we us our me my mine myself some any all every each both another no such most many few lots
    more less much enough one two how what when where who whom why which whatever everything everyone everybody
    nothing anything something someone anyone somebody being having getting making doing going knowing hearing
    seeing trying using giving finding taking keeping feeling letting finally to too also and or but so if as at
    by for from in into of off on out over with without about just even here there not never always really only
    still same again well y'all 'em better best back spending putting living looking thinking waking coming
    hanging talking meeting sharing saying telling asking showing bringing turning wearing chatting wandering
    working passing connecting discussing supporting catching checking starting dealing setting losing messing
    rooting fiddling
""")
KEPT_TO = _words("listening")
CUT_TASTE = _words("""
    with in at for when because cause since after before while as which that who whenever wherever especially
    during so but if though although than on about from by into over until till to where how unless whether like
    despite around through between together too very much most more best either neither both nor and or even
    even lately recently now today tonight tomorrow yesterday already again always these those this the well
    though anyway tbh lol haha thanks actually right really sometimes everyday here there out up is are was were
    am be i i'm you we he she they it its it's can do does did has have had not don't who's that's all every
""")
NO_TASTE_ANYWHERE = _words(
    "you your yours u me my him his her hers them their us our it its it's this that these those"
)
HOBBIES = {
    "act": "acting", "bake": "baking", "camp": "camping", "climb": "climbing", "code": "coding", "cook": "cooking",
    "craft": "crafting", "crochet": "crocheting", "cycle": "cycling", "dance": "dancing", "dive": "diving",
    "draw": "drawing", "fish": "fishing", "garden": "gardening", "hike": "hiking", "jog": "jogging",
    "journal": "journaling",
    "kayak": "kayaking", "knit": "knitting", "meditate": "meditating", "paint": "painting", "photograph": "photography",
    "program": "programming", "read": "reading", "ride": "riding", "row": "rowing", "run": "running", "sail": "sailing",
    "sew": "sewing", "shop": "shopping", "sing": "singing", "skate": "skating", "ski": "skiing",
    "snowboard": "snowboarding",
    "surf": "surfing", "swim": "swimming", "travel": "travelling", "volunteer": "volunteering", "walk": "walking",
    "write": "writing", "game": "gaming", "box": "boxing", "bowl": "bowling", "skateboard": "skateboarding",
}  # fmt: skip
GERUNDS = frozenset(HOBBIES.values()) | _words(
    "traveling animating blogging streaming drumming birdwatching performing studying training teaching competing"
)
AFTER_THE = _words("""
    sea ocean beach mountains rain snow outdoors countryside forest woods sun sunshine summer winter autumn fall
    spring cold heat night dark city desert moon stars weekend
""")
NOT_LISTED = _words("""
    went got had was am is are were can want need think hope know feel just always would will do did does have
    has took made came saw found started used thanks then now i'm im i've hope it's that's this i my we you he
    she they it went try tried want hate love like don't can't cannot never ever really also even there here
    stuff more so too
""")
JOKE_ALLERGENS = _words("""
    mornings mondays work working exercise exercising people you stupidity commitment drama nonsense fun
    responsibility responsibilities love bullshit bs idiots liars lies cardio effort adulting school homework
    math maths meetings feelings happiness boredom everything nothing life myself humans sunlight losing
""")
NO_FAVOURITE = _words(
    "part thing things bit one ones moment moments person people memory way time place spot day stuff kind type"
)
DIETS = {"vegan": "vegan", "vegetarian": "vegetarian", "veggie": "vegetarian", "pescatarian": "pescatarian",
         "pescetarian": "pescatarian", "gluten-free": "gluten-free"}  # fmt: skip
AVOIDED = _words("meat pork beef fish seafood dairy gluten eggs sugar chicken lamb shellfish")
STATUSES = {
    "married": "married", "single": "single", "divorced": "divorced", "engaged": "engaged", "widowed": "widowed",
    "separated": "separated", "retired": "retired", "unemployed": "unemployed",
    "in a relationship": "in a relationship",
    "a widow": "widowed", "a widower": "widowed", "newly married": "married", "happily married": "married",
}  # fmt: skip

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
DAYS_IN_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
TIME_ZONES = {
    "utc": "UTC", "gmt": "UTC", "bst": "Europe/London", "cet": "Europe/Paris", "cest": "Europe/Paris",
    "central european": "Europe/Paris", "eet": "Europe/Athens", "eest": "Europe/Athens", "est": "America/New_York",
    "edt": "America/New_York", "eastern": "America/New_York", "cdt": "America/Chicago", "mst": "America/Denver",
    "mdt": "America/Denver", "mountain": "America/Denver", "pst": "America/Los_Angeles", "pdt": "America/Los_Angeles",
    "pacific": "America/Los_Angeles", "jst": "Asia/Tokyo", "kst": "Asia/Seoul", "aest": "Australia/Sydney",
    "aedt": "Australia/Sydney", "nzst": "Pacific/Auckland", "msk": "Europe/Moscow",
}  # fmt: skip
