/** Invented headlines with their genres, to try search on: short texts that share words across genres, and meanings within. */

/** A headline and what it is about. */
export interface Headline {
	/** One line of text. */
	readonly headline: string;
	/** 'Sports', 'Politics', 'Technology', 'Business', 'Science', 'Health', 'Entertainment' or 'World'. */
	readonly genre: string;
}

const SPORTS = `
Unseeded runner wins city marathon by a single stride
Marathon winner breaks course record in heavy rain
Veteran marathoner, 71, finishes her fiftieth race
Ten thousand runners brave the heat at harbour half marathon
Late surge hands debutant the spring marathon title
Road race winner disqualified after taking wrong turn
Relay team drops baton and still reaches the final
Ultramarathon through the desert claimed by a schoolteacher
Sprinter equals national record in the hundred metres
Goalkeeper scores from his own half to win the cup
Home side thrash rivals five nil in derby
Penalty shoot-out sends underdogs to the semi-final
Striker out for the season with knee injury
Coach resigns hours after relegation is sealed
Teenage midfielder signs first professional contract
Women's team lift the trophy before a record crowd
Tennis qualifier stuns top seed in five sets
Doubles pair save four match points to reach final
Swimmer takes third gold of the championships
Rowing crew ends forty-year wait for river title
Cyclist wins mountain stage and takes the yellow jersey
Peloton splits in crosswinds as favourite loses two minutes
Heavyweight bout ends in a draw that pleases nobody
Basketball club clinches playoff place at the buzzer
Point guard hits eleven three-pointers in comeback win
Hockey goalie stops fifty shots in overtime thriller
Cricket captain declares early and wins by an innings
Fast bowler takes hat-trick on opening day
Rugby players vote for shorter season
Golf rookie holes out from the bunker to force playoff
Skier returns from injury to win downhill
Ski jumping event postponed because of strong winds
Figure skating judges face questions over scores
Gymnast lands new vault at world qualifiers
Chess grandmaster draws with twelve-year-old
Sailing crew rescues rivals and still wins the leg
Baseball pitcher throws perfect game on a Tuesday night
Stadium to get real grass after complaints from players
`;

const POLITICS = `
Parliament passes budget after all-night debate
Prime minister calls snap election for early spring
Opposition leader promises to scrap housing tax
Senate committee opens inquiry into rail contracts
Mayor vetoes plan to close three libraries
Voters reject constitutional change in referendum
Coalition talks collapse over energy policy
Governor signs bill on clean drinking water
Election commission orders recount in two districts
Minister steps down over undeclared gifts
Supreme court strikes down limits on protests
Lawmakers agree on rules for campaign donations
Turnout falls to lowest level in three decades
Young voters swing to the smaller parties
Cabinet reshuffle brings five new faces
Bill to lower the voting age clears first hurdle
City council splits over bus lanes
Whistleblower testifies before ethics panel
President pardons farmers jailed after land dispute
Party chair survives vote of no confidence
Regional assembly demands more say over taxes
Lobbying register to become public next year
Deputies trade insults in pension debate
Attorney general drops case against journalists
Poll puts rival parties level a week before the vote
Police reform bill sent back to committee
Immigration minister defends new visa rules
Upper house delays farm subsidy vote
Independent candidate wins mayoral race by nineteen votes
Marathon session of parliament ends without a deal
Speaker bans phones from the chamber
Ombudsman finds fault with welfare office
Government backs down on school lunch cuts
Border town votes to merge with its neighbour
Treasury chief warns of hard choices ahead
Petition on river pollution reaches a million names
Former envoy joins race for party leadership
Parliament votes to keep summer time
`;

const TECHNOLOGY = `
Start-up shows battery that charges in four minutes
Open-source database adds vector search
Browser maker fixes flaw that leaked passwords
Chip plant opens two years behind schedule
Robot learns to fold laundry by watching videos
Language model writes code that passes its own tests
Phone maker drops the charging port for good
Hackers demand ransom from hospital network
Search engine lets users turn off generated answers
Self-driving buses begin trial on rural route
Satellite internet reaches the last island school
Researchers shrink neural network to fit a watch
Cloud outage takes shops offline for six hours
Programming language turns thirty with a new compiler
Video app to label synthetic clips
Regulator fines social network over children's data
Laptop with replaceable parts outsells expectations
Quantum computer solves textbook problem, slowly
Software update leaves smart locks stuck
Volunteers keep thirty-year-old operating system alive
Game console sells out within minutes
Drone deliveries approved for small towns
Encrypted messenger adds calls without phone numbers
Engineers print a bridge from recycled plastic
Voice assistant misunderstands dialects, study finds
Data centre will heat four thousand homes
Undersea cable doubles capacity between continents
Developers revolt over new app store fee
Smart glasses read street signs aloud
Password managers agree on a common format
Image compression format wins over browser makers
Memory prices rise as factories cut output
Fitness watch maker blamed for marathon tracking error
Bug in calendar software books meetings in 1970
Student builds radio telescope from satellite dishes
Electric truck drives thousand kilometres on one charge
Company retires its last mainframe with a party
Artificial intelligence rules take effect across the bloc
`;

const BUSINESS = `
Central bank raises interest rates by a quarter point
Retail sales slip for third month in a row
Airline orders sixty planes for short routes
Merger of two breweries cleared by regulator
Shares tumble after carmaker cuts forecast
Coffee prices hit ten-year high after frost
Family bakery chain sold to its employees
Inflation eases as fuel becomes cheaper
Housing market cools outside the capital
Bank to close a hundred branches
Dockworkers end strike with six per cent rise
Online retailer opens first real shop
Steelmaker bets on hydrogen furnaces
Currency falls to record low against the dollar
Insurer counts the cost of spring floods
Investors pour money into grain storage
Toy company recalls wooden trains
Supermarkets fight over the price of milk
Profit doubles at maker of running shoes
Unemployment at lowest level since records began
Furniture giant rents out sofas by the month
Oil producers agree to pump less
Pension fund sells its coal mines
Small firms struggle to find apprentices
Start-up founder steps aside after failed listing
Trade surplus narrows as imports grow
Luxury watchmaker sues over copies
Shipping costs soar as canal traffic slows
Hotel group buys rival by the seaside
Bond yields climb on inflation fears
Tax office goes after unpaid parking fines
Marathon sponsor withdraws as profits fall
Brewery brings back returnable bottles
Stock exchange extends trading hours
Wheat harvest beats expectations
Auditors refuse to sign off builder's accounts
Office rents drop as staff stay at home
Chocolate maker shrinks bars and keeps the price
`;

const SCIENCE = `
Telescope finds water vapour around distant planet
Fossil of feathered dinosaur found in quarry
Probe lands on asteroid and sends first pictures
Physicists measure neutron's lifetime more precisely
New species of frog fits on a fingernail
Bees can learn to count to four, experiment shows
Glacier lost a tenth of its ice in two summers
Cave paintings older than thought by ten thousand years
Mathematicians prove conjecture on prime gaps
Deep-sea sponge lives without oxygen
Astronomers spot the faintest galaxy yet
Crows plan ahead for breakfast
Earthquake sensors hear whales sing
Enzyme breaks down plastic bottles overnight
Lunar soil grows lettuce in the laboratory
Ancient seeds sprout after two thousand years
Gravitational waves reveal merging black holes
Volcano's rumble predicted eruption by three days
Coral reef recovers faster than feared
Migrating birds steer by the stars, and by smell
Ice core records a million years of climate
Chemists make ammonia at room temperature
Octopus dreams in colour, researchers suggest
Particle collider restarts after long repair
Meteorite holds sugar older than the sun
Genome of the potato fully read
Wolves return to valley after a century
Tree rings reveal forgotten drought
Jellyfish reverses its ageing in tank
Why humans run: skeleton study explains endurance
Solar storm paints the sky green and red
Lake under the southern ice teems with life
Ants perform surgery on their wounded
Supercomputer simulates the birth of a star
Oldest wooden tools dug out of peat
Dark matter detector finds nothing, precisely
Sharks use Earth's magnetic field to navigate
Mushroom network carries signals between trees
`;

const HEALTH = `
Vaccine against malaria halves cases in trial
Doctors warn of early flu season
Hospital cuts waiting times with evening clinics
Blood test spots cancer years before symptoms
Sleeping less than six hours linked to heart disease
Nurses call for safer staffing levels
New drug slows memory loss in small study
Measles outbreak traced to summer camp
Daily walk lowers blood pressure as well as pills
Surgeons transplant ear grown from patient's cells
Marathon training is safe for most hearts, study finds
Runners' knees are healthier than expected
Antibiotic shortage worries pharmacists
City bans smoking in parks
Gene therapy restores sight in one eye
Health service to offer therapy by video
Sugar tax cut children's tooth decay
Pollen counts reach record as spring comes early
Midwives trial birth centre on wheels
Allergy shots may work under the tongue
Cholera spreads after floods destroy wells
Hearing aids reduce risk of dementia
Clinic apologises for lost samples
Diabetes patients swap needles for a patch
Air pollution shortens lives, map shows
Teenagers sleep better with later school start
Ambulance crews get training for dementia calls
Insulin pump talks to phone and doctor
Tick-borne fever moves north
Dentists use sound to detect decay
Salt substitute prevents strokes in villages
Study doubts benefit of vitamin pills
Long hospital stays weaken muscles within days
Mental health line answers a million calls
Bird flu found at third poultry farm
Back pain eases with swimming lessons
Trial of painkiller without addiction begins
Mother and triplets doing well after rare birth
`;

const ENTERTAINMENT = `
Silent film about a lighthouse wins top prize
Band reunites for one concert on a barge
Director's debut tops box office for third week
Streaming service cancels detective series after one season
Lost opera found in monastery cellar
Actor learns sign language for leading role
Festival cancelled as mud swallows the stage
Novel about bees wins book award
Orchestra plays for passengers at the station
Animated fox film charms critics
Musical about tax inspectors sells out
Pop singer surprises fans with jazz album
Museum shows forged paintings as art
Comedy sequel disappoints everyone
Radio drama draws record audience
Street artist paints over his own mural
Theatre reopens after ten-year repair
Game adaptation breaks viewing records
Cellist plays all six suites in one night
Documentary follows blind marathon runner
Film marathon screens every monster movie ever made
Reality show winner gives prize to choir
Ballet company tours villages by boat
Poet wins prize, declines the dinner
Drummer sets record for longest solo
Crime writer reveals ending by mistake
Cinema brings back the intermission
Vinyl sales beat downloads for a second year
Costume designer sews gown from old tents
Puppet theatre celebrates a hundred years
Critics split over three-hour western
Quiz show host retires after thirty years
Choir of miners tops the charts
Soap opera kills off favourite character
Comic book hero turns eighty
Rap star writes lullabies
Photography prize goes to picture of an empty pool
Magician's trick goes wrong, audience applauds
`;

const WORLD = `
Ceasefire holds for second day along the border
Aid convoy reaches town cut off by snow
Island nations ask court for ruling on rising seas
Earthquake shakes coast, no deaths reported
Peace talks resume in neutral capital
Thousands flee as volcano erupts
Fishing dispute ends with a handshake
Ferry runs aground, all passengers safe
Drought forces herders south
Two countries open first bridge over shared river
Typhoon weakens before reaching the delta
Refugees plant forest on former camp
Embassy reopens after eleven years
Wildfires close mountain road between neighbours
Landmine clearance finished a year early
Summit ends with promise on methane
Train links desert cities for first time
Observers call election free and mostly fair
Pirates release tanker crew
Flood barrier saves old town from record tide
Nomads get schools that move with them
Rescue teams pull miner out after six days
Grain ships leave port under new agreement
Protesters fill the square for a tenth evening
Kingdom abolishes tax on bicycles
Marathon through divided city draws runners from both sides
Lost hikers found by village dog
Power returns to the capital after week of darkness
Neighbours agree to share the reservoir
Airport shut as ash cloud drifts east
Locust swarms threaten harvest in four countries
Treaty bans plastic fishing nets
Archipelago votes for independence
Cyclone survivors rebuild on stilts
Monks broker deal between feuding clans
Border guards swap football shirts
Heatwave buckles rails across the continent
Last telegraph office delivers its final message
`;

const GENRES = {
	Sports: SPORTS,
	Politics: POLITICS,
	Technology: TECHNOLOGY,
	Business: BUSINESS,
	Science: SCIENCE,
	Health: HEALTH,
	Entertainment: ENTERTAINMENT,
	World: WORLD,
};

/**
 * 304 invented headlines, 38 of each of 8 genres, in order of genre.
 *
 * @example
 * console.log(HEADLINES.length, HEADLINES.filter(({ headline }) => /marathon/i.test(headline)).length); // 304 13
 */
export const HEADLINES: readonly Headline[] = Object.freeze(
	Object.entries(GENRES).flatMap(([genre, lines]) =>
		lines
			.trim()
			.split('\n')
			.map((headline) => Object.freeze({ headline, genre })),
	),
);
