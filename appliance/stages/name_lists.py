"""Word lists the name finder reads; compact and our own. Lower case, without accents."""

from __future__ import annotations

from appliance.stages.text import word_set

# First names that are hardly anything else in a store.
GIVEN = word_set(
    """
    aaliyah aarav aaron abby abdul abdullah abel abigail abraham ada adam adebayo adela adele aditi
    aditya adrian adriana agnes agustin ahmed aida aidan aiden aimee aisha akira alan alana alberto
    alejandra alejandro alejo aleksandr alex alexander alexandra alexis alfonso alfredo ali alice
    alicia alison allison alma alonso alvaro alyssa amanda amara amelia amina amir amit amy ana
    anand ananya anderson andre andrea andres andrew andy angela angelina anh anika anil anita
    anjali ann anna anne annette annie anthony antoine antonia antonio anya araceli ariana arianna
    arjun armando arnold arthur arturo arun asher ashley aubrey audrey augusto ava avery ayaan
    ayesha babak bao barbara beatrice beatriz becky belinda benito benjamin bernard bernardo bernice
    beth bethany betty beverly bianca bilal blanca bob bobby bogdan bonnie boris bradley brandon
    brandy brenda brendan brent brett brian brianna bridget brittany brooke bruce bruno bryan bryce
    caitlin caleb calvin cameron camila camille candace carla carlos carlton carmen carol caroline
    carolyn carrie carson casey cassandra catalina catherine cecilia cedric celeste celia cesar chad
    charlene charles charlie chelsea cheryl chidi chinedu chloe chris christian christina christine
    christopher cindy claire clara clarence claudia clayton cody colin colleen connie connor
    consuelo corey cory courtney craig cristian cristina curtis cynthia daiki damian damon dan dana
    daniel daniela danielle danny darius darlene darnell darrell darren darya dave david deandre
    deanna debbie deborah debra deepak deepika delores denise dennis derek derrick deshawn desiree
    devin devon diana diane diego dmitri dmitry dolores dominic don donald donna doris dorothy doug
    douglas duane dustin dwayne dylan eddie edgar edith eduardo edward edwin eileen elaine eleanor
    elena eleni eli elias elijah elisa elizabeth ella ellen ellie elsa elvira emanuel emeka emilia
    emiliano emilio emily emma emmanuel emre enrique eric erica erick erik erika erin ernest ernesto
    esi esmeralda esperanza esteban esther ethan eugene evan evelyn ezekiel fabian fabiola fatima
    fatma fatou federico felicia felipe felix femi fernanda fernando fiona flor florence frances
    francesca francisco franklin fred freddy frederick gabriel gabriela gary gavin genevieve george
    gerald gerardo gilbert gilberto gina giovanni gita giulia gladys glenda glenn gloria gonzalo
    goran gordon graciela greg gregory gretchen guadalupe guillermo gustavo gwen hana hank hannah
    harold harriet harry haruto hassan hazel hector heidi helen henry herbert heriberto hilda
    hiroshi hong howard hugo humberto huy ian ibrahim ignacio igor ikram ilse imani ines ingrid
    irene irma isaac isabel isabella isabelle isaiah ismael ivan ivana ivonne jackie jackson jacob
    jacqueline jacquelyn jaime jake jamal james jamie jan jane janet janice jared jason javier jay
    jayden jean jeanette jeff jeffrey jenna jennifer jenny jeremiah jeremy jermaine jerome jerry
    jesse jessica jiho jill jim jimmy jin joan joanna joanne joaquin joe joel johanna john johnny
    jon jonathan jorge jose josefina joseph josephine josh joshua joyce juan juana juanita judith
    judy julia julian juliana julie julio jun kaitlyn kaito karen karina karl karla kate katelyn
    katherine kathleen kathryn kathy katie katrina kavita kayla keith kelsey ken kendra kenji
    kenneth kenny kevin khadija kiara kimberly kofi krishna kristen kristin kristina kurt kwame kyle
    laila lakisha lakshmi lamar lance landon larry latasha latoya laura lauren laurie lawrence layla
    leah lee lei leila lena leo leon leonard leonardo leroy leslie leticia liam lidia liliana
    lillian linda lindsay lindsey linh lisa logan lois lola lorena lorenzo loretta lori lorraine
    louis louise lourdes luca lucas lucia lucille lucy luis luisa luke luz lydia lynn mabel
    mackenzie magdalena mai malik mandy manuel manuela marc marcela marcia marco marcos marcus
    margaret maria mariah mariana maribel marie marilyn mario marisol marissa marjorie marlene marta
    martha martin marvin mary maryam mateo mathew matt matthew maureen maurice mauricio megan mehmet
    mei melanie melinda melissa melvin meredith mia micah michael micheal michele michelle miguel
    mike milagros mildred milton mindy minh miranda miriam mitchell mohamad mohamed mohammed moises
    molly monica monique monserrat muhammad mustafa myra myrtle nadia naima nancy naomi nasir
    nasreen natalia natalie natasha nathan nathaniel nayeli neil nelson nguyet nicholas nick nicolas
    nicole nikhil nina noah noelia noemi nolan nora norma norman octavio oksana olena olga oliver
    olivia omar oscar osvaldo owen pablo pam pamela paolo parisa pat patricia patricio patrick patty
    paul paula paulina pauline pedro peggy penelope perla pete peter phil philip phillip phyllis
    pilar pooja pradeep priscilla priya rachael rachel rafael raheem rahul raj rajesh ralph ramiro
    ramon ramona randall randy raquel raul ravi raymond rebecca regina reginald renata rene renee
    reynaldo reza rhonda ricardo richard rick ricky rita robert roberta roberto rocio rodney rodolfo
    rodrigo rogelio roger rohan rohit roland ron ronald ronnie rosa rosalinda rosario roxanne roy
    ruben rudy russell ruth ryan sabrina sakura salvador sam samantha samir samuel sandra sanjay
    santos sara sarah saul sayed scarlett scott sean sebastian selena sergei sergio seth shane
    shanice shannon shanthi sharon shaun shawn sheila shelby sheryl shirley shreya silvia simon
    simone sita socorro sofia sonia sophia sophie stacey stacy stanley stella stephanie stephen
    steve steven stuart sue sunil susan susana suzanne svetlana sylvia takashi tamara tameka tammy
    tanya tara tasha tatiana ted teresa terrance terrence terri terry thanh thelma theodore theresa
    thomas thu tim timothy tina tito todd tom tomas tommy toni tony tonya tracey tracy trang travis
    trevor tricia trina tristan troy tuan tyler tyrone uma ursula valentina valerie vanessa vera
    vernon veronica vicente vicki victor vijay vikram vincent vivian viviana walter wanda warren
    wayne wei wendell wendy wesley wilfredo william willie wyatt xavier ximena xin xiomara yadira
    yara yasmin yasmine yesenia yolanda yuki yuna yusuf yvette yvonne zachary zainab zara zoe zoey
    zuri
    """
)

# First names that are also words, months, places or brands: they count before a surname only.
AMBIGUOUS = word_set(
    """
    allen amber angel angelica april aria ariel august aurora austin autumn bella bill blake brad
    bud carter chance charlotte chase chuck clay cliff cole cooper cruz crystal daisy dallas dawn
    dean dell destiny diamond dolly drew duke earl ebony eden ellis eva ezra faith fern flora ford
    forrest frank gene ginger grace graham grant guy harper heather hope hunter iris ivy jack jade
    jasmine jesus jordan joy june junior justice justin kelly king lane lily lincoln mack madison
    margarita marina mark mason max may mel melody mercedes mercy misty morgan noel olive otis paris
    parker patience pearl penny pierce ray reed reese rich rob robin rocky rod rose rosemary ruby
    rusty sage sally sandy santiago savannah sierra skip sky skye sonny stone summer sunny taylor
    tiffany trinity ty victoria violet virginia wade ward will winter woody
    """
)

SURNAMES = word_set(
    """
    abbott abdi acevedo acosta adams aguilar aguirre ahmed alexander ali allen alvarado alvarez
    anderson andrews aponte armstrong arnold arroyo avila ayala bailey baker baldwin ball banks
    barnes barrera barrett bautista becker bell beltran benitez bennett bernal berry bianchi bishop
    black blair boone bowman boyd bradley brady brown bryant burgess burke burns bush butler byrd
    cabrera calderon caldwell camacho campbell campos cardenas carlson carpenter carr carrillo
    carroll carter castaneda castillo castro cervantes chambers chan chang chapman chaudhry chavez
    chen cho choi christensen chung clark clarke cohen cole coleman collins contreras cook cooper
    cordova corona cortes cortez cox craig crawford cruz cummings cunningham curry curtis daniels
    das davidson davis dawson day dean delacruz deleon delgado desai diaz dixon dominguez douglas
    doyle duarte duncan dunn duran edwards elliott ellis erickson escobar espinosa espinoza esquivel
    estrada evans feldman ferguson fernandez fields figueroa fischer fisher fitzgerald fleming
    fletcher flores ford foster fowler fox francis franco franklin frazier freeman fuentes fuller
    galindo gallagher gallegos garcia gardner garner garrett garrison garza george gibbs gibson
    gilbert gomez gonzales gonzalez gordon graham grant graves gray green greene griffin griffith
    guerra guerrero gupta gutierrez guzman haddad hale hall hamilton hammond hansen hanson hardy
    harper harrington harris harrison hart harvey hassan hawkins hayes henderson henry hernandez
    herrera hicks hill hoang hoffman holland holloway holmes holt hopkins horton howard howell huang
    hudson huerta hughes hunt hunter hussain huynh ibarra ingram ivanov iyer jackson jacobs jacobson
    james jansen jefferson jenkins jennings jensen jimenez johansson johnson johnston jones jordan
    joseph juarez kapoor kato kaur keller kelley kelly kennedy khan kim king klein knight kovacs
    kowalski kozlov kumar kurt lam lambert lane lara larson lawrence lawson le lee leon leonard
    lewis li lin lind little liu long lopez lowe lozano lucas lucero luna lynch macias maldonado
    malik manning marin marquez marsh marshall martin martinez mason matthews maxwell may mccarthy
    mccoy mcdonald mckinney medina mehta mejia melendez mendez mendoza mercado meyer miles miller
    mills miranda mitchell mohamed molina monroe montes montoya moore mora morales moran moreno
    morgan morris morrison morrow moss muller mullins munoz murphy murray myers nair nakamura
    navarro neal nelson newman newton nguyen nichols nolan norman norris nowak nunez obrien ochoa
    okafor okoye oliver olson ortega ortiz osborne owens pacheco padilla page palacios palmer parker
    parks parra patel patterson payne pena perez perkins perry peters peterson petrov pham phillips
    pierce pineda ponce popov porter potter powell powers price quinn quintero quiroz rahman ramirez
    ramos ramsey rangel rao ray reddy reed reese reeves reid reyes reynolds rhodes rice rich
    richards richardson riley rios rivas rivera roberts robertson robinson robles rocha rodgers
    rodriguez rogers rojas roman romero rosales rosario rose ross rossi rowe ruiz russell ryan salas
    salazar salgado salinas sanchez sanders sandoval santana santiago santos sato schmidt schneider
    schultz schwartz scott serrano shah sharma sharp shaw shelton sherman silva simmons simon
    simpson sims singh smith snyder solis sosa soto spencer stanley steele stephens stevens stewart
    stone strickland suarez sullivan summers sutton suzuki swanson tanaka tang tapia tate taylor
    terry thomas thompson thornton todd torres townsend tran trevino trujillo tucker turner valdez
    valencia valenzuela vang vargas vasquez vaughn vazquez vega velasco velasquez velez verma villa
    villanueva villarreal wade wagner walker wallace walsh walters walton wang ward warner warren
    washington watanabe watkins watson watts weaver webb weber webster welch wells west wheeler
    whitaker white williams williamson willis wilson wolfe wong wood woods wright wu xiong yamamoto
    yang yates yoder young yu zamora zapata zavala zhang zhao zhou zimmerman zuniga
    """
)

# Surnames that are plain words: in lower case they need a cue before the name.
WORD_SURNAMES = word_set(
    """
    baker ball banks bell berry bishop black boone brown burns bush carpenter cook cooper day dean
    fields fisher ford fox gardner grant graves gray green hall hardy hart hill holt hunt hunter
    king knight lane le leon little long love may miles mills moss page palmer parks potter powers
    price reed rice rich rose sharp spencer steele stone summers wade walker ward warner watts
    weaver wells west wheeler white wood woods young
    """
)

# Words that are never part of a name here, however they are written.
STOP = word_set(
    """
    a about after al all also am an and any are as asking asks at back be been before blank bought
    but buying by call came can cannot card cliente code comes coming como con could cual cuando
    customer date de del dice did different do does doesn done el email empresa en es esta even
    exactly first for from get gets give given got had has have he her here hers hidden him his how
    i id if in is isn it its just la las last left like listed lo los lost me mi mine misma mismo
    missing misspelled must my name need needing needs never no not now number o of off ok on one
    only opened or order other our out own owns paid para perdio phone pick picked pide please por
    pregunta printed que quiere required returned returning returns said same saying says se senor
    senora she should shows si sin since so some spelled spends still su sus than that the their
    them then there they this tienda tiene to today tomorrow too trying two un una under until up us
    used using visa want wanted wants was wasn we were what when where which who whose why will with
    without would wrong y ya yes yet you your
    """
)

# What a shop writes with a capital: departments, goods, makers, tiers, months, places.
GOODS = word_set(
    """
    abril account adam address adidas agosto amazon angeles app apparel apple appliance appliances
    appreciation april associate august automotive avenue baby bakery bank basic bath batteries
    battery beauty bedding beer blender boots bosch brand california camera candle cards care
    cashier chair christmas church circle classic clothing club co collection cologne company
    cookware corp costco coupon coupons court crackers dairy december deli delivery dell deluxe
    department dept desk dewalt diciembre discount discounts domingo dress drill drive dryer dyson
    earbuds easter edition electronica electronics enero entrance exchange febrero february fernway
    foundation friday fridge furniture garden ge gift glue gold google grill grocery guest halloween
    hardware headphones health home hospital hp ids inc info information jacket january jeans
    jewelry jueves julio july june junio kit kitchen knife lamp lane laptop larkmoor layaway lead
    lego lenovo lg llc lot lotion loyalty lunes makita manager march martes marzo match mattress max
    mayo member members microwave miercoles milwaukee mini mixer monday mower names nike nordvale
    november noviembre numbers october octubre office orders orleans oro outdoor oven pack paint
    parking pasillo perfume pets pharmacy pickup plata platinum plus policy price pro produce
    receipt receipts refrigerator refund refunds restaurant return rewards road ryobi sabado sale
    samsung saturday school september septiembre series service services set shampoo shirt shoe
    shoes silver sneakers soap soda sofa sony speaker special sports states store stores street
    sunday support table tablet target tequila texas thanksgiving thursday tier toaster tools toys
    tuesday tv ultra united university vacuum vegas viernes vodka walmart warranty washer watch
    wednesday welder whirlpool whiskey wi-fi wifi wine wrench york
    """
)

_BRANDS = """
    harper collins, kelly blue, hunter green, ruby red, rusty lake, cooper tires,
    abby road, andrew jergens, ann taylor, anne klein, aunt jemima, ben jerry, betty crocker,
    bob evans, bobbi brown, bruno magli, calvin klein, captain morgan, carol's daughter,
    charlie brown, chef boyardee, cherry garcia, christian dior, christian louboutin, cole haan,
    dale earnhardt, dolly parton, don julio, donna karan, dr bronner's, dr brown, dr brown's,
    dr martens, dr oetker, dr pepper, dr scholl, dr scholl's, dr scholls, dr squatch, dr teal's,
    dr teals, eddie bauer, elizabeth arden, emeril lagasse, ethan allen, frank sinatra, fred meyer,
    george foreman, giorgio armani, gordon ramsay, hamilton beach, harley davidson, harry potter,
    harry winston, hugo boss, jack daniel, jack daniel's, jack daniels, jack link's, jack links,
    james bond, jamie oliver, jessica simpson, jim beam, jimmy choo, jimmy dean, joe boxer,
    john deere, johnnie walker, johnny walker, jose cuervo, juan valdez, kate spade, ken griffey,
    laura ashley, laura mercier, lee jeans, levi strauss, liz claiborne, louis vuitton,
    lucky charms, marc jacobs, marie callender, marie callender's, martha stewart, mary kay,
    mary poppins, max factor, michael jackson, michael jordan, michael kors, mike ike, miss dior,
    miss jones, miss universe, mr bean, mr beast, mr bubble, mr clean, mr coffee, mr heater,
    mr peanut, mr pibb, mr potato, mr sketch, mrs butterworth, mrs butterworth's, mrs butterworths,
    mrs dash, mrs fields, mrs meyer, mrs meyer's, mrs meyers, mrs renfro's, nancy drew,
    newman's own, oscar mayer, paul mitchell, paula deen, perry ellis, peter pan, peter thomas,
    rachael ray, ralph lauren, ray ban, russell hobbs, russell stover, ryan homes, sam adams,
    sam's club, samuel adams, sara lee, sarah lee, simon says, stella artois, stella mccartney,
    steve madden, taylor swift, thomas kinkade, tom clancy, tom ford, tommy bahama, tommy hilfiger,
    tony chachere, tony hawk, tory burch, trader joe, uncle ben, vera bradley, vera wang,
    victoria secret, victoria's secret, walter white, wendy's chili
"""
# First and second word of things on a shelf that look like people.
BRANDS = frozenset((first, second) for first, second in map(str.split, _BRANDS.split(",")))
