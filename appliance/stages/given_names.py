"""Word lists the name finder reads; compact and our own. Lower case, without accents.

`GIVEN` are first names that are hardly anything else in a store; `AMBIGUOUS` are also words, months,
places or brands, so they count only before a surname of `SURNAMES`.
"""

from __future__ import annotations

GIVEN = frozenset(
    """
    aaliyah aaron abby abdul abel abigail abraham ada adam adela adele adrian adriana agnes agustin ahmed aida
    aidan aiden aimee aisha alan alana alberto alejandra alejandro alex alexander alexandra alexis alfonso
    alfredo ali alice alicia alison allen allison alma alonso alvaro alyssa amanda amelia amir amy ana
    anderson andre andrea andres andrew andy angela angelica angelina anita ann anna anne annette annie anthony
    antoine antonio antonia araceli ariana arianna armando arnold arthur arturo asher ashley aubrey audrey
    augusto aurora ava avery ayesha barbara beatrice beatriz becky belinda benito benjamin bernard bernardo
    bernice beth bethany betty beverly bianca blanca bob bobby bonnie brad bradley brandon brandy brenda brendan
    brent brett brian brianna bridget brittany brooke bruce bruno bryan bryce caitlin caleb calvin cameron camila
    camille candace carla carlos carlton carmen carol caroline carolyn carrie casey cassandra catalina
    catherine cecilia cedric celeste celia cesar chad charlene charles charlie chelsea cheryl chloe chris
    christian christina christine christopher cindy claire clara clarence claudia clayton cody colin colleen
    connie connor consuelo corey cory courtney craig cristian cristina curtis cynthia damian damon dan dana
    daniel daniela danielle danny darius darlene darnell darrell darren dave david deandre deanna deborah debbie
    debra deepak delores denise dennis derek derrick deshawn desiree destiny devin devon diana diane diego
    dolores dominic don donald donna doris dorothy doug douglas duane dustin dwayne dylan eddie edgar edith
    eduardo edward edwin eileen elaine eleanor elena eli elias elijah elisa elizabeth ella ellen elsa elvira
    emanuel emilia emiliano emilio emily emma emmanuel enrique eric erica erick erik erika erin ernest ernesto
    esmeralda esperanza esteban esther ethan eugene eva evan evelyn ezra fabian fabiola fatima federico felicia
    felipe felix fernanda fernando fiona flor florence frances francesca francisco frank franklin fred freddy
    frederick gabriel gabriela gary gavin gene genevieve george gerald gerardo gilbert gilberto gina giovanni
    gladys glenda glenn gloria gonzalo gordon graciela greg gregory gretchen guadalupe guillermo gustavo gwen
    hank hannah harold harriet harry hassan hazel heather hector heidi helen henry herbert heriberto hilda
    howard hugo humberto ian ibrahim ignacio ilse imani ines ingrid irene irma isaac isabel isabella isaiah
    isabelle ismael ivan ivonne jackie jackson jacob jacqueline jacquelyn jaime jake jamal james jamie jan jane
    janet janice jared jasmine jason javier jay jayden jean jeanette jeff jeffrey jenna jennifer jenny jeremiah
    jeremy jermaine jerome jerry jesse jessica jesus jill jim jimmy joan joanna joanne joaquin joe joel johanna
    john johnny jon jonathan jorge jose josefina joseph josephine josh joshua joyce juan juana juanita judith
    judy julia julian juliana julie julio justin kaitlyn karen karina karl karla kate katelyn katherine kathleen
    kathryn kathy katie katrina kayla keith kelly kelsey ken kendra kenneth kenny kevin kiara kimberly kristen
    kristin kristina kurt kyle lakisha lamar lance larry latasha latoya laura lauren laurie lawrence leah lee
    leila lena leo leon leonard leonardo leroy leslie leticia liam lidia liliana lillian linda lindsay lindsey
    lisa logan lois lola lorena lorenzo loretta lori lorraine louis louise lourdes lucas lucia lucille lucy luis
    luisa luke luz lydia lynn mabel mackenzie malik mandy manuel manuela marc marcela marcia marco marcos marcus
    margaret margarita maria mariah mariana maribel marie marilyn mario marisol marissa marjorie marlene
    marta martha martin marvin mary mateo mathew matt matthew maureen maurice mauricio megan melanie melinda
    melissa melvin mercy meredith mia micah michael micheal michele michelle miguel mike milagros mildred milton
    mindy miranda miriam mitchell mohamed mohammed moises molly monica monique monserrat muhammad myra myrtle
    nadia nancy naomi natalia natalie natasha nathan nathaniel nayeli neil nelson nicholas nick nicolas nicole
    nina noah noel noelia noemi nora norma norman octavio olga oliver olivia omar oscar osvaldo otis owen pablo
    pam pamela pat patricia patricio patrick patty paul paula paulina pauline pedro peggy perla pete peter phil
    philip phillip phyllis pilar priscilla priya rachael rachel rafael raj ralph ramiro ramon ramona randall
    randy raquel raul raymond rebecca regina reginald renata rene renee reynaldo rhonda ricardo richard rick
    ricky rita robert roberta roberto rocio rodney rodolfo rodrigo rogelio roger roland ron ronald ronnie rosa
    rosalinda rosario rosemary roxanne roy ruben rudy russell ruth ryan sabrina salvador sam samantha samuel
    sandra santos sara sarah saul scott sean sebastian selena sergio seth shane shannon shanice sharon shaun
    shawn sheila shelby sheryl shirley silvia simon simone socorro sofia sonia sophia sophie stacey stacy
    stanley stella stephanie stephen steve steven stuart sue susan susana suzanne sylvia tamara tameka tammy
    tanya tara tasha tatiana ted teresa terrance terrence terri terry thelma theodore theresa thomas tim
    timothy tina tito todd tom tomas tommy toni tony tonya tracey tracy travis trevor tricia trina tristan troy
    tyler tyrone ursula valentina valerie vanessa vera vernon veronica vicente vicki victor vincent vivian
    viviana walter wanda warren wayne wendell wendy wesley wilfredo william willie xavier ximena xiomara yadira
    aarav abdullah adebayo aditi aditya aisha akira alejo aleksandr amara amina amit amy anand anh anika anil
    anjali ananya anya arjun aria arun ayaan babak bao bilal bogdan boris carson chidi chinedu chloe daiki darya
    deepika dmitri dmitry ebony eleni ellie emeka emre esi fatou fatma femi gita giulia goran hana haruto hiroshi
    hong huy igor ikram ivana jiho jin jun kaito kavita kenji khadija kofi krishna kwame lakshmi laila layla
    lei linh luca magdalena mai maryam mehmet mei minh mohamad mustafa naima nasir nasreen nguyet nikhil
    nolan oksana olena olga paolo parisa penelope pooja pradeep rahul raheem rajesh ravi reza rohan rohit sakura
    samir sanjay sayed scarlett sergei shanthi shreya sita sunil svetlana takashi thanh thu trang tuan uma vijay
    vikram wei xin yara yasmin yasmine yuki yuna yusuf zainab zara zoey zuri wyatt landon harper ezekiel lincoln
    yesenia yolanda yvette yvonne zachary zoe
    """.split()
)

AMBIGUOUS = frozenset(
    """
    amber angel april harper lincoln aria ariel august austin autumn bill blake brad bud carter chance charlotte chase chuck clay cliff
    cole crystal cruz daisy dallas dawn dean dell destiny diamond dolly drew duke earl eden ellis faith fern flora
    ford forrest frank gene ginger grace grant guy hope hunter iris ivy jack jade jasmine jordan joy june
    junior justice king lane lily mack madison marina mark mason max may mel melody mercedes misty morgan olive
    paris parker patience pearl penny pierce ray reed reese rich rob robin rocky rod rose ruby rusty sage sally sandy
    santiago savannah sierra skip sky skye sonny stone summer sunny taylor tiffany trinity ty victoria violet
    virginia wade ward will winter woody jesus mercy angelica aurora
    """.split()
)

SURNAMES = frozenset(
    """
    abbott abdi acevedo acosta adams aguilar aguirre ahmed alexander ali allen alvarado alvarez anderson andrews
    aponte armstrong arnold arroyo avila ayala bailey baker baldwin ball banks barnes barrera barrett bautista
    becker bell beltran benitez bennett bernal berry bishop black blair boone bowman boyd bradley brady brown bryant
    burgess burke burns bush butler byrd cabrera calderon caldwell camacho campbell campos cardenas carlson
    carpenter carr carrillo carroll carter castaneda castillo castro cervantes chambers chan chang chapman chavez
    chen cho choi christensen chung clark clarke cohen cole coleman collins contreras cook cooper cordova corona
    cortes cortez cox craig crawford cruz cummings cunningham curry curtis daniels davidson davis dawson day dean
    delacruz deleon delgado diaz diaz dixon dominguez douglas doyle duarte duncan dunn duran duran edwards elliott ellis
    erickson escobar espinosa espinoza esquivel estrada evans feldman ferguson fernandez fields figueroa fisher
    fitzgerald fleming fletcher flores ford foster fowler fox franco francis franklin frazier freeman fuentes fuller
    galindo gallagher gallegos garcia gardner garner garrett garrison garza george gibbs gibson gilbert gomez gonzales
    gonzalez gordon graham grant graves gray green greene griffin griffith guerra guerrero gupta gutierrez guzman
    hale hall hamilton hammond hansen hanson hardy harper harrington harris harrison hart harvey hawkins hayes
    henderson henry hernandez herrera hicks hill hoang hoffman holland holloway holmes holt hopkins horton howard
    howell huang hudson huerta hughes hunt hunter huynh ibarra ingram jackson jacobs jacobson james jefferson jenkins
    jennings jensen jimenez johnson johnston jones jordan joseph juarez kaur keller kelley kelly kennedy khan kim
    king klein knight kowalski kumar lam lambert lane lara larson lawrence lawson le lee leon leonard lewis li lin
    little liu long lopez lowe lozano lucas lucero luna lynch macias maldonado manning marin marquez marsh marshall
    martin martinez mason matthews maxwell may mccarthy mccoy mcdonald mckinney medina mejia melendez mendez mendoza
    mercado meyer miles miller mills miranda mitchell molina monroe montes montoya moore mora morales moran moreno
    morgan morris morrison morrow moss mullins munoz murphy murray myers navarro neal nelson newman newton nguyen
    nichols nolan norman norris nunez obrien ochoa oliver olson ortega ortiz osborne owens pacheco padilla page
    palacios palmer parker parks parra patel patterson payne pena perez perkins perry peters peterson pham phillips
    pierce pineda ponce porter potter powell powers price quinn quintero quiroz ramirez ramos ramsey rangel ray reed
    reese reeves reid reyes reynolds rhodes rice rich richards richardson riley rios rivas rivera roberts robertson
    robinson robles rocha rodgers rodriguez rogers rojas roman romero rosales rosario rose ross rowe ruiz russell
    ryan salas salazar salgado salinas sanchez sanders sandoval santana santiago santos schmidt schneider schultz
    schwartz scott serrano sharma sharp shaw shelton sherman silva simmons simon simpson sims singh smith snyder solis
    sosa soto spencer stanley steele stephens stevens stewart stone strickland suarez sullivan summers sutton swanson
    tapia tate taylor terry thomas thompson thornton todd torres townsend tran trevino trujillo tucker turner valdez
    valencia valenzuela vang vargas vasquez vaughn vazquez vega velasco velasquez velez villa villanueva villarreal
    wade wagner walker wallace walsh walters walton wang ward warner warren washington watkins watson watts weaver
    webb weber webster welch wells west wheeler white whitaker williams williamson willis wilson wolfe wong wood
    woods wright wu xiong yang yates yoder young yu zamora zapata zavala zhang zimmerman zuniga
    ali bianchi chaudhry das desai fischer gonzales haddad hassan hussain ivanov iyer jansen johansson kapoor kato
    kovacs kozlov kurt lind malik mehta mohamed muller nair nakamura nowak okafor okoye petrov popov rahman rao reddy
    rossi sato schneider shah silva singh suzuki tanaka tang verma watanabe yamamoto zhou zhao
    """.split()
)

# Surnames that are plain words: in lower case they need a cue before the name.
WORD_SURNAMES = frozenset(
    "baker ball banks bell berry bishop black boone brown burns bush carpenter cook cooper day dean fields fisher"
    " ford fox gardner grant graves gray green hall hardy hart hill holt hunt hunter king knight lane le leon"
    " little long love may miles mills moss page palmer parks potter powers price reed rice rich rose sharp"
    " spencer steele stone summers walker wade ward warner watts weaver wells west wheeler white wood woods"
    " young".split()
)

# First and second word of things on a shelf that look like people.
BRANDS = frozenset(
    tuple(pair.split())
    for pair in (
        "abby road,andrew jergens,ann taylor,anne klein,aunt jemima,ben jerry,betty crocker,bob evans,bobbi brown"
        ",bruno magli,calvin klein,captain morgan,cherry garcia,carol's daughter,charlie brown,chef boyardee,christian dior"
        ",christian louboutin,cole haan,dale earnhardt,dolly parton,don julio,donna karan,dr brown,dr brown's"
        ",dr bronner's,dr martens,dr oetker,dr pepper,dr scholl,dr scholl's,dr scholls,dr squatch,dr teal's,dr teals"
        ",elizabeth arden,emeril lagasse,eddie bauer,ethan allen,frank sinatra,fred meyer,george foreman"
        ",giorgio armani,gordon ramsay,hamilton beach,harley davidson,harry potter,harry winston,hugo boss"
        ",jack daniel,jack daniel's,jack daniels,jack links,jack link's,james bond,jamie oliver,jessica simpson"
        ",jim beam,jimmy choo,jimmy dean,joe boxer,john deere,johnnie walker,johnny walker,jose cuervo,juan valdez,kate"
        " spade,ken griffey,laura ashley,laura mercier,lee jeans,levi strauss,liz claiborne,louis vuitton"
        ",lucky charms,marc jacobs,marie callender,marie callender's,martha stewart,mary kay,mary poppins,max factor"
        ",michael jackson,michael jordan,michael kors,mike ike,miss dior,miss jones,miss universe,mr bean,mr beast"
        ",mr bubble,mr clean,mr coffee,mr heater,mr pibb,mr potato,mr sketch,mr peanut,mrs butterworth"
        ",mrs butterworth's,mrs butterworths,mrs dash,mrs fields,mrs meyer,mrs meyer's,mrs meyers,mrs renfro's"
        ",nancy drew,newman's own,oscar mayer,paul mitchell,paula deen,perry ellis,peter pan,peter thomas"
        ",rachael ray,ralph lauren,ray ban,russell hobbs,russell stover,ryan homes,sam adams,sam's club,samuel"
        " adams,sara lee,sarah lee,simon says,stella artois,stella mccartney,steve madden,taylor swift"
        ",thomas kinkade,tom clancy,tom ford,tommy bahama,tommy hilfiger,tony chachere,tony hawk,tory burch"
        ",trader joe,uncle ben,victoria secret,victoria's secret,vera bradley,vera wang,walter white,wendy's chili"
    ).split(",")
)
